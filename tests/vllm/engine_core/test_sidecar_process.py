"""The sidecar as the engine core sees it: nothing of it may hold up or end the engine."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.vllm_plugin import outbox
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Counted,
    Ended,
    EngineInfo,
    Predicted,
    encode,
)
from scheduler_client.vllm_plugin.sidecar.bell import Bell
from scheduler_client.vllm_plugin.sidecar_process import (
    READ_AT_ONCE,
    READ_EVERY_S,
    SidecarProcess,
)
from tests.scheduler_client.advisor.helpers import TurnedClock
from tests.vllm.engine_core.core_side import Spoken
from tests.wait_until import wait_until


def ended(number, request_id="r", **options):
    return Ended(number, request_id, FinishedRequest(1, 1, "stop", 0.0, 0.0, 0.0), **options)


@pytest.fixture
def sidecar():
    return Spoken(EngineInfo(None, 0))


def test_beyond_the_most_that_may_wait_messages_are_counted_and_not_sent(sidecar, monkeypatch):
    size_bytes = len(encode(ended(0)))
    monkeypatch.setattr(outbox, "MAX_WAITING_BYTES", 10 * size_bytes)
    assert [sidecar.put(ended(n)) for n in range(15)] == [True] * 10 + [False] * 5
    assert sidecar.unsent == 5
    sidecar.flush()
    assert [end.number for end in sidecar.heard(Ended)] == list(range(10))
    assert sidecar.put(ended(99))


def test_a_message_that_no_packet_holds_is_dropped_and_its_neighbours_go(sidecar):
    for message in (ended(1), ended(2, "x" * MAX_PACKET_BYTES), ended(3)):
        sidecar.put(message)
    sidecar.flush()
    assert [end.number for end in sidecar.heard(Ended)] == [1, 3]
    assert sidecar.unsent == 1
    assert sidecar._socket is not None


def fill(sidecar, count=2_000):
    """More than a socket takes."""
    for number in range(count):
        sidecar.put(ended(number, "x" * 900))


def hear(sidecar, count):
    """The numbers of so many endings, in the order in which they are heard."""
    numbers = []

    def all_heard():
        numbers.extend(end.number for end in sidecar.heard(Ended))
        return len(numbers) >= count

    wait_until(all_heard, f"{count} endings")
    return numbers


def test_what_a_full_socket_does_not_take_goes_later_in_order(sidecar):
    fill(sidecar)
    for _ in range(50):
        sidecar.flush()
    numbers = []
    while len(numbers) < 2_000:
        numbers += [end.number for end in sidecar.heard(Ended)]
        sidecar.flush()
    assert numbers == list(range(2_000))
    assert sidecar.unsent == 0


def test_where_no_step_follows_what_is_left_goes_by_itself_in_order(sidecar):
    fill(sidecar)
    sidecar.flush_all()
    sidecar.put(ended(2_000))
    sidecar.flush_all()  # nothing goes past what is on its way
    assert hear(sidecar, 2_001) == list(range(2_001))
    assert sidecar.unsent == 0


def test_what_a_step_says_while_the_rest_is_on_its_way_goes_after_it(sidecar):
    fill(sidecar)
    sidecar.flush_all()
    heard = hear(sidecar, 100)
    sidecar.put(ended(2_000))
    assert sidecar.flush() is False  # the other thread sends
    assert heard + hear(sidecar, 2_001 - len(heard)) == list(range(2_001))


def test_one_thread_sends_what_is_left_however_often_the_engine_comes_to_rest(sidecar):
    before = threading.active_count()
    for _ in range(10):
        fill(sidecar)
        sidecar.flush_all()
    assert threading.active_count() == before + 1
    hear(sidecar, 20_000)
    wait_until(lambda: threading.active_count() == before, "the thread's end")


@pytest.mark.parametrize("ends_there", [True, False])
def test_a_thread_that_sends_what_is_left_ends_with_the_socket(sidecar, ends_there):
    before = threading.active_count()
    fill(sidecar)
    sidecar.flush_all()
    if ends_there:
        sidecar.end()
        sidecar.read()
        assert sidecar.unsent > 1_000
    else:
        sidecar.close(0.1)
    wait_until(lambda: threading.active_count() == before, "the thread's end")


def test_a_packet_that_is_no_message_is_counted_and_the_next_is_read(sidecar):
    sidecar.send(b"\xc1 is no MessagePack")
    sidecar.say((1, 7.0))
    (predicted,) = sidecar.read()
    assert predicted.lengths[0][:2] == (1, 7.0)
    assert sidecar.unreadable == 1


def test_the_socket_is_asked_when_it_rings_and_else_once_in_a_while():
    clock = TurnedClock()
    sidecar = Spoken(EngineInfo(None, 0), clock)
    sidecar.read()
    sidecar.say((1, 7.0))
    assert len(sidecar.read()) == 1
    sidecar.theirs.send(encode(Predicted([], [2])))  # without a ring
    assert sidecar.read() == []
    clock.now_s += READ_EVERY_S
    assert len(sidecar.read()) == 1


def test_what_one_step_leaves_unread_the_next_reads_without_another_ring():
    sidecar = Spoken(EngineInfo(None, 0), TurnedClock())
    for number in range(READ_AT_ONCE + 5):
        sidecar.say(unknown=[number])
    assert [len(sidecar.read()) for _ in range(3)] == [READ_AT_ONCE, 5, 0]


def test_what_was_read_before_its_ring_does_not_hide_what_comes_after():
    clock = TurnedClock()
    sidecar = Spoken(EngineInfo(None, 0), clock)
    sidecar.theirs.send(encode(Predicted([], [1])))
    assert len(sidecar.read()) == 1  # the first look asks the socket in any case
    sidecar.say(unknown=[2])
    sidecar._bell.ring()  # that of the first, late
    assert len(sidecar.read()) == 1


def test_a_ring_for_nothing_does_not_hide_what_comes_after():
    sidecar = Spoken(EngineInfo(None, 0), TurnedClock())
    sidecar._bell.ring()
    assert sidecar.read() == []
    sidecar.say(unknown=[1])
    assert len(sidecar.read()) == 1


def test_a_sidecar_that_ends_without_a_ring_is_missed_within_a_while():
    clock = TurnedClock()
    sidecar = Spoken(EngineInfo(None, 0), clock)
    sidecar.read()
    sidecar.theirs.close()
    sidecar.read()
    assert sidecar._socket is not None
    clock.now_s += READ_EVERY_S
    sidecar.read()
    assert sidecar._socket is None


def lose(sidecar):
    """Its end is seen."""
    sidecar.end()
    sidecar.read()
    return sidecar._restart_at_s - sidecar._clock()


def start_again(sidecar, clock):
    clock.now_s = sidecar._restart_at_s
    sidecar.flush()
    assert sidecar._start_is_over.wait(20)


def test_a_sidecar_that_dies_again_and_again_is_started_ever_later_and_a_long_life_forgives():
    clock = TurnedClock()
    sidecar = Spoken(EngineInfo(None, 0), clock)
    pauses_s = []
    for lived_s in (1, 1, 1, 3_600, 1):
        clock.now_s += lived_s
        pauses_s.append(lose(sidecar))
        start_again(sidecar, clock)
    assert pauses_s == [1, 2, 4, 1, 2]


@pytest.fixture
def real(monkeypatch):
    """A sidecar in a process of its own."""
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    clock = TurnedClock()
    process = SidecarProcess(EngineInfo(None, 0), clock)
    yield process, clock
    process.close(1.0)


def kill(process):
    os.kill(process._child.pid, signal.SIGKILL)

    def lost():
        process._clock.now_s += READ_EVERY_S
        process.read()
        return process._socket is None

    wait_until(lost, "the sidecar's end")


def test_the_thread_that_started_a_sidecar_again_lives_as_long_as_that(real):
    """To the kernel it is the parent, whose end wakes a sidecar that stands still."""
    process, clock = real
    before = set(threading.enumerate())
    kill(process)
    start_again(process, clock)
    (thread,) = set(threading.enumerate()) - before
    assert thread.is_alive()
    kill(process)
    thread.join(20)
    assert not thread.is_alive()


def test_closing_ends_a_sidecar_that_is_being_started(real, monkeypatch):
    process, clock = real
    killed = process._child.pid
    kill(process)
    begun, go_on = threading.Event(), threading.Event()
    start = process._start

    def slowly():
        begun.set()
        go_on.wait(20)
        start()

    monkeypatch.setattr(process, "_start", slowly)
    clock.now_s += 10
    process.flush()
    assert begun.wait(20)
    closing = threading.Thread(target=process.close, args=(20.0,))
    closing.start()
    go_on.set()
    closing.join(40)
    assert process._child.poll() is not None
    assert process._child.pid != killed


def test_closing_takes_no_longer_than_it_may_however_slowly_the_sidecar_reads(sidecar, monkeypatch):
    clock = TurnedClock()

    def takes_more(_to, timeout_s):
        clock.now_s += 1.0
        sidecar.theirs.recv(MAX_PACKET_BYTES)
        return timeout_s > 0

    monkeypatch.setattr(outbox, "_takes_more", takes_more)
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=clock))
    fill(sidecar)
    sidecar._outbox.send_all(sidecar._socket, 5.0)
    assert len(sidecar._outbox) > 0
    assert clock.now_s == 1_006.0


def test_counts_are_not_kept_for_a_sidecar_that_is_gone(sidecar):
    sidecar.put(Counted())
    sidecar.end()
    with suppress(BrokenPipeError):
        sidecar.flush()
    assert sidecar._socket is None
    assert not sidecar._outbox
    assert sidecar.unsent == 1
    assert isinstance(sidecar.theirs, socket.socket)


def test_a_sidecar_is_told_what_those_before_it_were_told_of_counts(real):
    process, clock = real
    process.counted.steps, process.counted.batch_limit = 7, 3
    told = []
    process._start = lambda: told.append(process._engine.counted)
    kill(process)
    process.counted.steps = 9
    start_again(process, clock)
    assert told == [Counted(steps=7)]


def test_where_metrics_are_kept_in_files_those_of_now_go_with_their_sidecar(
    real, monkeypatch, tmp_path
):
    process, clock = real
    pid = process._child.pid
    for name in ("gauge_livemax", "counter"):
        (tmp_path / f"{name}_{pid}.db").touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    process._start = lambda: None
    kill(process)
    start_again(process, clock)
    assert [file.name for file in tmp_path.iterdir()] == [f"counter_{pid}.db"]


RINGER = """
import sys
from scheduler_client.vllm_plugin.sidecar.bell import Bell
bell = Bell(int(sys.argv[1]))
bell.ring()
bell.ring()
"""


def test_rings_in_another_process_are_counted():
    memory = Bell.new()
    bell = Bell(memory)
    assert bell.rings == 0
    subprocess.run([sys.executable, "-c", RINGER, str(memory)], pass_fds=[memory], check=True)
    os.close(memory)
    assert bell.rings == 2
