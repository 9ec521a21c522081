"""Kills the service at random moments while clients report to it and a reader follows."""

import random
import threading
import time
from dataclasses import dataclass
from typing import Self

from benchmarks.durability.check import Verdict, check
from benchmarks.durability.reporters import Receipts, Reporters
from benchmarks.harness.killable_service import KillableService
from lengthwise.history.database.reader import HistoryReader

PERIOD_S = 0.05
"""Between two looks at the history, in seconds."""


class Follower:
    """Reads on and on in a thread; a context manager.

    Args:
        place: Of the history, which must exist.
    """

    def __init__(self, place: str) -> None:
        self._reader = HistoryReader.open(place)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[int] = []
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        try:
            while not self._stop.wait(PERIOD_S):
                self._read_on()
            self._read_on()
        except BaseException as error:  # noqa: BLE001  handed to whoever looks
            self.error = error

    def _read_on(self) -> None:
        last = self.seen[-1] if self.seen else 0
        self.seen += [row.sequence for row in self._reader.rows_after(last)]


LAST_KILL = 0.95
"""Share of the reports before which the last kill comes, so that some follow it."""

LONGEST_DELAY_S = 0.03
"""Between a report's answer and a kill: commits and their beginnings and ends fall into it."""


@dataclass(frozen=True, slots=True)
class KillPlan:
    """What is done.

    Args:
        kills: How often the service is killed.
        reports: Completions that are reported in all.
        threads: Clients that report at the same time.
        largest: Completions in a report, at most.
        seed: Of the moments and sizes.
        timeout_s: Time for the whole run; beyond it the run has failed.
    """

    kills: int
    reports: int
    threads: int = 4
    largest: int = 200
    seed: int = 0
    timeout_s: float = 900.0


@dataclass(frozen=True, slots=True)
class KillRun:
    """What came of it.

    Args:
        verdict: What the database held in the end, against what was acknowledged.
        kills: How often the service was killed.
        receipts: What the service acknowledged to the reporters.
        wall_s: From the first report to the last answer, restarts in it.
    """

    verdict: Verdict
    kills: int
    receipts: Receipts
    wall_s: float


def run_kills(service: KillableService, place: str, run: str, plan: KillPlan) -> KillRun:
    """Report and kill.

    Args:
        service: Has been started, so that the history exists.
        place: The history's database: a file or a URL.
        run: Name of the run, which is part of its completions' ids.
        plan: How many kills and reports, and for how long at most.

    Raises:
        RuntimeError: The service does not come back, or not all is acknowledged in time.
    """
    reporters = Reporters(
        service.target,
        run,
        plan.reports,
        threads=plan.threads,
        largest=plan.largest,
        seed=plan.seed,
    )
    moments = random.Random(plan.seed)
    marks = sorted(moments.uniform(0, LAST_KILL * plan.reports) for _ in range(plan.kills))
    started_s = time.monotonic()
    with Follower(place) as follower:
        reporters.start()
        for mark in marks:
            _await_mark(service, reporters, mark, started_s + plan.timeout_s)
            time.sleep(moments.uniform(0, LONGEST_DELAY_S))
            service.kill()
            service.start()
        reporters.join(max(0.0, started_s + plan.timeout_s - time.monotonic()))
        wall_s = time.monotonic() - started_s
    if follower.error is not None:
        raise RuntimeError("the reader failed") from follower.error
    verdict = check(place, run, plan.reports, reporters.receipts, follower.seen)
    return KillRun(verdict, plan.kills, reporters.receipts, wall_s)


def _await_mark(service: KillableService, reporters: Reporters, mark: float, ends_s: float) -> None:
    """Wait until so much is acknowledged, and at least one more report since the last kill."""
    least = reporters.acknowledged
    while reporters.acknowledged <= max(mark, least):
        service.check_alive()
        if time.monotonic() > ends_s:
            raise RuntimeError(f"{reporters.acknowledged:,} completions acknowledged, then nothing")
        time.sleep(0.001)
