"""What the supervisor decides about its workers, without starting any."""

import signal
from multiprocessing import Pipe

import pytest

from predictor_service.process.supervisor import Supervisor
from predictor_service.process.worker import Failed, Ready
from tests.predictor_service.places import FakePlace


class FakeProcess:
    """A worker's process as the supervisor sees it."""

    exitcode = 1

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        pass


class Watched(Supervisor):
    """Starts no process: notes which worker would be."""

    def __init__(self, config) -> None:
        super().__init__(config, FakePlace("v1"), on_ready=lambda *_: None)
        self.started: list[int] = []
        self.links = []
        for worker in self._workers:
            worker.link, theirs = Pipe()
            worker.process = FakeProcess(1_000 + worker.number)
            self.links.append(theirs)

    def _start(self, worker) -> None:
        self.started.append(worker.number)

    def hear(self, number: int, message: Ready | Failed) -> None:
        self.links[number].send(message)
        self._look_after_workers()


@pytest.fixture
def sent(monkeypatch) -> list[tuple[int, int]]:
    """The signals that were sent: process ids and numbers."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "predictor_service.process.supervisor.os.kill", lambda *sent: found.append(sent)
    )
    return found


@pytest.fixture
def watched(make_config) -> Watched:
    return Watched(make_config(processes=2))


def test_a_hangup_reaches_a_worker_that_starts_once_it_serves(watched, sent):
    watched.hear(0, Ready("v1"))
    watched._handle_signals([signal.SIGHUP])
    assert sent == [(1_000, signal.SIGHUP)]
    watched.hear(1, Ready("v1"))
    assert sent[1:] == [(1_001, signal.SIGHUP)]


def test_a_worker_whose_restart_comes_due_during_a_stop_is_not_started(watched, sent):
    for number in (0, 1):
        watched.hear(number, Ready("v1"))
    watched._workers[0].process.alive = False
    watched._look_after_workers()
    assert watched._workers[0].restart_at_s is not None
    watched._handle_signals([signal.SIGTERM])
    assert sent == [(1_001, signal.SIGTERM)]
    assert watched._workers[0].restart_at_s is None


def test_why_a_worker_cannot_be_started_again_is_in_the_log(watched, sent, capsys):
    for number in (0, 1):
        watched.hear(number, Ready("v1"))
    watched._workers[1].ready = False
    watched._workers[1].process.alive = False
    watched.hear(1, Failed("the tokens cannot be read"))
    out = capsys.readouterr().out
    assert "the tokens cannot be read" in out
    assert "worker=1" in out
    assert watched._failure is None, "the others serve on"
