"""Several worker processes on one port: start, watch, restart, stop."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import structlog

from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError
from predictor_service.process.lifecycle import OnReady
from predictor_service.process.worker import Failed, Ready, run_worker
from predictor_service.serving_index.served_index import IndexSource
from predictor_service.system.address import held_port

log = structlog.get_logger(__name__)

FIRST_DELAY_S = 0.5
"""Before a worker that crashed is started again; doubled with each further crash in a row."""

LONGEST_DELAY_S = 30.0
"""What the doubling ends at: once the cause is gone, a worker is started within so long."""

LIVED_LONG_S = 60.0
"""A worker that lived this long did not crash because of how it was started."""

KILL_AFTER_S = 5.0
"""Beyond the drain timeout, when a worker that still runs is killed."""


def restart_delay_s(crashes: int) -> float:
    """How long to wait before the next start, after so many crashes in a row (at least 1)."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(crashes - 1, 16))


@dataclass(slots=True)
class Worker:
    """One of the processes, whichever process it is at present.

    Args:
        number: Of the worker, from 0; names it in logs, and finds its port for metrics.
        process: The present process; None between its end and its restart.
        link: On which the worker says that it is ready, or why it failed.
        ready: True once it serves predictions.
        to_reload: A hangup came before it was ready, and is passed on then.
        started_s: When the process was started, on the monotonic clock.
        crashes: In a row, without a long life between them.
        restart_at_s: When it is started again, on the same clock; None while it runs.
    """

    number: int
    process: SpawnProcess | None = None
    link: Connection | None = None
    ready: bool = False
    to_reload: bool = False
    started_s: float = 0.0
    crashes: int = 0
    restart_at_s: float | None = None


class Supervisor:
    """Runs the workers and passes signals on to them.

    Args:
        config: The options of all workers; the port may be 0, and is settled here.
        source: Where the index comes from; sent to each worker.
        on_ready: Called once all workers serve.
    """

    def __init__(self, config: ServiceConfig, source: IndexSource, *, on_ready: OnReady) -> None:
        self._config = config
        self._source = source
        self._on_ready = on_ready
        self._workers = [Worker(number) for number in range(config.processes)]
        # torch and gRPC both start threads, which a fork would leave behind half alive.
        self._context = multiprocessing.get_context("spawn")
        self._announced = False
        self._kill_at_s: float | None = None
        self._failure: str | None = None

    def run(self) -> None:
        """Serve until a signal says stop.

        Raises:
            StartUpError: The port is taken, or a worker cannot start.
        """
        with held_port(self._config.host, self._config.port) as port:
            self._config = self._config.model_copy(update={"port": port})
            with _Signals() as signals:
                for worker in self._workers:
                    self._start(worker)
                while self._live() or not self._stopping:
                    self._wait(signals)
                    self._handle_signals(signals.take())
                    self._look_after_workers()
        if self._failure is not None:
            raise StartUpError(self._failure)

    @property
    def _stopping(self) -> bool:
        return self._kill_at_s is not None

    def _live(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.process is not None]

    def _start(self, worker: Worker) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker,
            args=(worker.number, self._config, self._source, theirs),
            name=f"lengthwise-{worker.number}",
        )
        process.start()
        theirs.close()
        worker.process, worker.link = process, ours
        worker.ready, worker.to_reload, worker.restart_at_s = False, False, None
        worker.started_s = time.monotonic()

    def _wait(self, signals: "_Signals") -> None:
        """Sleep until something happens or is due."""
        due = [w.restart_at_s for w in self._workers if w.restart_at_s is not None]
        if self._kill_at_s is not None:
            due.append(self._kill_at_s)
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        handles: list[Any] = [signals.fd]
        for worker in self._live():
            assert worker.process is not None  # noqa: S101  by _live
            handles.append(worker.process.sentinel)
            if worker.link is not None and not worker.ready:
                handles.append(worker.link)
        wait(handles, timeout)

    def _handle_signals(self, numbers: list[int]) -> None:
        if signal.SIGHUP in numbers:
            self._reload()
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()

    def _reload(self) -> None:
        for worker in self._live():
            if worker.ready:
                self._send(worker, signal.SIGHUP)
            else:
                # While it imports, it has no handler yet: the signal would end it.
                worker.to_reload = True

    def _stop(self) -> None:
        if not self._stopping:
            self._kill_at_s = time.monotonic() + self._config.drain_timeout_s + KILL_AFTER_S
            for worker in self._workers:
                # Started now, it would not have heard of the stop, and be killed in the end.
                worker.restart_at_s = None
            for worker in self._live():
                self._send(worker, signal.SIGTERM)

    def _send(self, worker: Worker, number: int) -> None:
        process = worker.process
        # Of one that has ended the number may be another's by now.
        if process is not None and process.pid is not None and process.is_alive():
            os.kill(process.pid, number)

    def _look_after_workers(self) -> None:
        now_s = time.monotonic()
        for worker in self._workers:
            if worker.process is not None:
                ended = not worker.process.is_alive()
                self._hear(worker)  # also the last words of one that has ended
                if ended:
                    self._bury(worker, now_s)
                elif self._kill_at_s is not None and now_s >= self._kill_at_s:
                    worker.process.kill()
            elif worker.restart_at_s is not None and now_s >= worker.restart_at_s:
                self._start(worker)

    def _hear(self, worker: Worker) -> None:
        if worker.link is None or worker.ready or not worker.link.poll():
            return
        try:
            message = worker.link.recv()
        except (EOFError, OSError):
            return
        if isinstance(message, Ready):
            worker.ready = True
            if worker.to_reload:
                self._send(worker, signal.SIGHUP)
            if not self._announced and all(w.ready for w in self._workers):
                self._announced = True
                self._on_ready(self._config.port, message.version)
        elif isinstance(message, Failed):
            log.error("worker cannot start", worker=worker.number, reason=message.reason)
            if not self._announced:
                self._failure = message.reason

    def _bury(self, worker: Worker, now_s: float) -> None:
        """Clear up after a worker that ended, and decide what follows."""
        assert worker.process is not None  # noqa: S101  by the caller
        exit_code = worker.process.exitcode
        lived_s = now_s - worker.started_s
        worker.process.close()
        if worker.link is not None:
            worker.link.close()
        worker.process, worker.link = None, None
        if self._stopping:
            return
        if not self._announced:
            self._failure = self._failure or f"a worker ended with exit code {exit_code}"
            self._stop()
            return
        worker.crashes = 1 if lived_s >= LIVED_LONG_S else worker.crashes + 1
        delay_s = restart_delay_s(worker.crashes)
        worker.restart_at_s = now_s + delay_s
        log.error(
            "worker ended, restarting",
            worker=worker.number,
            exit_code=exit_code,
            lived_s=round(lived_s, 1),
            delay_s=delay_s,
        )


class _Signals:
    """Collects signals and makes them wake `wait`."""

    def __init__(self) -> None:
        self._seen: list[int] = []
        self._before: dict[int, Callable[[int, Any], Any] | int | None] = {}

    def __enter__(self) -> "_Signals":
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.fd)
        os.close(self._write_fd)

    def _note(self, number: int, _: object) -> None:
        self._seen.append(number)

    def take(self) -> list[int]:
        """Signals since the last time."""
        while _drained(self.fd):
            pass
        seen, self._seen = self._seen, []
        return seen


def _drained(fd: int) -> bytes:
    try:
        return os.read(fd, 4_096)
    except BlockingIOError:
        return b""
