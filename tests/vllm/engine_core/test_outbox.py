"""What waits for the sidecar's socket: bounded, in order, and sent by one thread at a time."""

import socket
from contextlib import suppress

import numpy as np
import pytest

from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.vllm_plugin import outbox as module
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Arrived,
    Ended,
    decode_to_sidecar,
    encode,
)
from scheduler_client.vllm_plugin.outbox import Outbox


def ended(number, request_id="r"):
    return Ended(number, request_id, FinishedRequest(1, 1, "stop", 0.0, 0.0, 0.0))


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def ends():
    """Ours and theirs of a socket."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setblocking(False)
    yield pair
    for end in pair:
        end.close()


def packets(theirs):
    """What has come, packet by packet."""
    read = []
    with suppress(BlockingIOError):
        while packet := theirs.recv(MAX_PACKET_BYTES):
            read.append(decode_to_sidecar(packet))
    return read


def numbers(theirs):
    return [message.number for packet in packets(theirs) for message in packet]


def test_beyond_the_most_that_may_wait_nothing_is_taken_in(outbox, ends, monkeypatch):
    ours, theirs = ends
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 10 * len(encode(ended(0))))
    assert [outbox.put(ended(n)) for n in range(15)] == [True] * 10 + [False] * 5
    outbox.send(ours)
    assert numbers(theirs) == list(range(10))
    assert outbox.put(ended(99))


def test_a_message_that_no_packet_holds_is_not_taken_in_and_its_neighbours_go(outbox, ends):
    ours, theirs = ends
    messages = (ended(1), ended(2, "x" * MAX_PACKET_BYTES), ended(3))
    assert [outbox.put(message) for message in messages] == [True, False, True]
    outbox.send(ours)
    assert numbers(theirs) == [1, 3]


def test_what_a_full_socket_does_not_take_goes_later_in_order(outbox, ends):
    ours, theirs = ends
    for number in range(2_000):
        outbox.put(ended(number, "x" * 900))
    heard = []
    while outbox.send(ours):
        heard += numbers(theirs)
    assert heard + numbers(theirs) == list(range(2_000))


def test_a_step_may_send_more_ends_than_any_step_has(outbox, ends):
    ours, theirs = ends
    for number in range(1_000):
        outbox.put(ended(number))
    assert not outbox.send(ours)
    assert max(len(packet) for packet in packets(theirs)) > 100


def test_prompts_of_any_length_share_packets_that_a_socket_takes(outbox, ends):
    ours, theirs = ends
    lengths = [0, 2_048, 5, 2_048, 2_048, 2_048, 2_048, 2_048, 1]
    for number, length in enumerate(lengths):
        outbox.put(Arrived(number, "ask", list(range(70_000, 70_000 + length)), "", 9, None))
    outbox.send(ours)
    read = packets(theirs)
    assert [len(m.token_ids) for packet in read for m in packet] == lengths
    assert 1 < len(read) < len(lengths)


def test_token_ids_may_be_numpys(outbox, ends):
    ours, theirs = ends
    assert outbox.put(Arrived(1, "ask", list(np.arange(3)), "llm", 9, None))
    outbox.send(ours)
    ((arrived,),) = packets(theirs)
    assert arrived.token_ids == [0, 1, 2]


def test_while_a_thread_sends_a_step_does_not(outbox, ends):
    ours, theirs = ends
    outbox.put(ended(1))
    with outbox._sending:
        assert not outbox.send(ours), "that thread sends it"
    assert numbers(theirs) == []
    outbox.send(ours)
    assert numbers(theirs) == [1]


def test_sending_all_ends_with_the_other_end(outbox, ends):
    ours, theirs = ends
    for number in range(2_000):
        outbox.put(ended(number, "x" * 900))
    outbox.send(ours)
    theirs.close()
    outbox.send_all(ours)
    assert len(outbox) > 0
