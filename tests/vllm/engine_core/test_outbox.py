"""What waits for the sidecar's socket: bounded, and sent in order."""

import select
import socket
from concurrent.futures import ThreadPoolExecutor
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
from tests.wait_until import wait_until


def ended(number, request_id="r"):
    return Ended(number, request_id, FinishedRequest(1, 1, "stop", 0.0, 0.0, 0.0))


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def ends():
    """Ours and theirs of a socket."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pair[1].setblocking(False)
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
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(outbox.send, ours)
        while not sent.done():
            heard += numbers(theirs)
    sent.result()
    assert heard + numbers(theirs) == list(range(2_000))
    assert outbox.put_bytes == outbox.sent_bytes > 0


def test_hundreds_of_ends_share_a_packet(outbox, ends):
    ours, theirs = ends
    for number in range(1_000):
        outbox.put(ended(number))
    outbox.send(ours)
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


@pytest.mark.parametrize("from_here", [False, True])
def test_sending_ends_with_either_end_and_keeps_what_was_not_sent(outbox, ends, from_here):
    ours, theirs = ends
    for number in range(2_000):
        outbox.put(ended(number, "x" * 900))
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(outbox.send, ours)
        wait_until(lambda: not select.select([], [ours], [], 0)[1], "a full socket")
        ours.shutdown(socket.SHUT_RDWR) if from_here else theirs.close()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            sent.result(20)
    assert 0 < len(outbox) < 2_000
