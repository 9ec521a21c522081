"""The sidecar as the engine core sees it: nothing of it may hold up or end the engine."""

import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.vllm_plugin import sidecar_process
from scheduler_client.vllm_plugin.messages import (
    MAX_PACKET_BYTES,
    Ended,
    EngineInfo,
    Predicted,
    decode_to_sidecar,
    encode,
)
from scheduler_client.vllm_plugin.sidecar.board import Board, new_memory
from scheduler_client.vllm_plugin.sidecar_process import READ_AT_ONCE, SidecarProcess
from tests.scheduler_client.advisor.helpers import TurnedClock
from tests.vllm.engine_core.core_side import Spoken
from tests.wait_until import wait_until


def ended(number, request_id="r", **options):
    return Ended(number, request_id, FinishedRequest(1, 1, "stop", 0.0, 0.0, 0.0), **options)


@pytest.fixture
def sidecar():
    made = Spoken(EngineInfo(None, 0))
    yield made
    made.close(0.0)


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


def test_where_no_step_follows_what_is_left_goes_by_itself_in_order(sidecar):
    fill(sidecar)
    sidecar.flush()
    sidecar.put(ended(2_000))
    sidecar.flush()  # nothing goes past what is on its way
    assert hear(sidecar, 2_001) == list(range(2_001))


def test_what_a_sidecar_was_not_sent_goes_to_the_next_without_another_step(sidecar):
    fill(sidecar)
    sidecar.flush()
    heard = decode_to_sidecar(sidecar.theirs.recv(MAX_PACKET_BYTES))
    sidecar.end()
    sidecar.start()
    later = hear(sidecar, 1)
    while later[-1] < 1_999:
        later += hear(sidecar, 1)
    assert later == list(range(later[0], 2_000))
    assert later[0] > heard[-1].number, "none is told twice"


def test_a_thread_that_sends_what_is_left_ends_with_the_rest():
    before = set(threading.enumerate())
    sidecar = Spoken(EngineInfo(None, 0))
    fill(sidecar)
    sidecar.flush()
    sidecar.close(0.1)
    wait_until(lambda: not set(threading.enumerate()) - before, "the thread's end")


def test_what_was_put_last_is_sent_though_closing_may_take_no_time(sidecar):
    sidecar.put(ended(7))
    theirs = sidecar.theirs.dup()
    sidecar.close(0.0)
    heard = decode_to_sidecar(theirs.recv(MAX_PACKET_BYTES))
    theirs.close()
    assert [end.number for end in heard] == [7]


def test_what_is_left_at_the_end_is_said(sidecar, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    sidecar.put(ended(1))
    sidecar.end()
    sidecar.close(0.1)
    assert "was not told of 1 messages" in caplog.text


def test_the_socket_is_asked_when_it_rings_alone(sidecar):
    sidecar.theirs.send(encode(Predicted([])))
    assert sidecar.read() == []
    sidecar.board.rings += 1
    assert len(sidecar.read()) == 1


def test_a_ring_for_nothing_does_not_hide_what_comes_after(sidecar):
    sidecar.board.rings += 1
    assert sidecar.read() == []
    sidecar.say(unknown=[1])
    assert len(sidecar.read()) == 1


def test_what_one_step_leaves_unread_the_next_reads_without_another_ring(sidecar):
    for number in range(READ_AT_ONCE + 5):
        sidecar.say(unknown=[number])
    assert [len(sidecar.read()) for _ in range(3)] == [READ_AT_ONCE, 5, 0]


class Pauses:
    """In place of the event that ends pauses: so many pass at once, then all ends."""

    def __init__(self, count):
        self.seen_s = []
        self._count = count

    def is_set(self):
        return False

    def wait(self, pause_s):
        self.seen_s.append(pause_s)
        return len(self.seen_s) == self._count


def test_a_sidecar_that_dies_again_and_again_is_started_ever_later_and_a_long_life_forgives(
    sidecar,
):
    clock = sidecar._clock = TurnedClock()
    lives_s = [1, 1, 1, 3_600, 1]
    sidecar._closing = pauses = Pauses(len(lives_s))
    sidecar._start = lambda: None

    def live():
        clock.now_s += lives_s.pop(0)

    sidecar._wait_for_end = live
    SidecarProcess._keep_running(sidecar)
    assert pauses.seen_s == [1, 2, 4, 1, 2]
    assert sidecar.lost == 5
    sidecar._closing = threading.Event()


def test_a_sidecar_that_cannot_be_started_is_tried_again_and_was_none(sidecar):
    def cannot():
        raise OSError("no more processes")

    sidecar._closing = pauses = Pauses(3)
    sidecar._start = cannot
    SidecarProcess._keep_running(sidecar)
    assert pauses.seen_s == [1, 2, 4]
    assert sidecar.lost == 0
    sidecar._closing = threading.Event()


@pytest.fixture
def real(monkeypatch):
    """A sidecar in a process of its own, started again at once."""
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setattr(sidecar_process, "FIRST_RESTART_S", 0.01)
    process = SidecarProcess(EngineInfo(None, 0))
    wait_until(lambda: process._line is not None, "the start")
    yield process
    process.close(1.0)


def kill(process):
    """Kill it, and wait for the next."""
    lost = process.lost
    os.kill(process._child.pid, signal.SIGKILL)
    wait_until(lambda: process.lost > lost and process._line is not None, "another sidecar")


def test_a_sidecar_that_died_is_followed_by_another_though_the_engine_makes_no_step(real):
    before = real._child.pid
    kill(real)
    assert real._child.pid != before


def test_closing_ends_a_sidecar_that_is_being_started(real):
    begun, go_on = threading.Event(), threading.Event()
    start, before = real._start, real._child

    def slowly():
        begun.set()
        go_on.wait(20)
        start()

    real._start = slowly
    before.kill()
    assert begun.wait(20)
    closing = threading.Thread(target=real.close, args=(20.0,))
    closing.start()
    wait_until(real._closing.is_set, "closing")
    go_on.set()
    closing.join(40)
    assert real._child is not before
    assert real._child.poll() is not None


def test_closing_ends_a_sidecar_that_stands_still_with_its_socket_full(real):
    os.kill(real._child.pid, signal.SIGSTOP)
    fill(real)
    real.flush()
    real.close(0.2)
    assert real._child.poll() is not None
    assert not real._keeper.is_alive()


def test_a_dead_sidecars_socket_that_another_process_has_open_holds_nobody_up(sidecar):
    fill(sidecar)
    sidecar.flush()
    theirs = sidecar.theirs.dup()
    sidecar.end()
    sidecar.start()
    assert hear(sidecar, 1)
    theirs.close()


def test_where_metrics_are_kept_in_files_those_of_now_go_with_their_sidecar(
    real, monkeypatch, tmp_path
):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    kill(real)  # the one that follows inherits the folder
    wait_until(lambda: len(list(tmp_path.glob("gauge_live*_*.db"))) == 3, "its metrics")
    real.close(20.0)
    kinds = {file.name.split("_")[0] for file in tmp_path.iterdir()}
    assert kinds == {"counter", "histogram"}


RINGER = """
import sys
from scheduler_client.vllm_plugin.sidecar.board import Board
board = Board.at(int(sys.argv[1]))
board.rings += 1
board.rings += 1
"""


def test_rings_in_another_process_are_counted():
    memory = new_memory()
    board = Board.at(memory)
    assert board.rings == 0
    subprocess.run([sys.executable, "-c", RINGER, str(memory)], pass_fds=[memory], check=True)
    os.close(memory)
    assert board.rings == 2
