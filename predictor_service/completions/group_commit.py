"""Many concurrent reports, one sync: whoever comes while one commit runs goes into the next."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from lengthwise.index.record import HistoryRecord
from predictor_service.completions.completion_store import Stored
from predictor_service.errors import (
    CallError,
    InternalFailureError,
    NotServingError,
    OverloadedError,
)
from predictor_service.failures import unexpected
from predictor_service.limited_log import LimitedLog
from predictor_service.system.threads import THREAD_PREFIX

log = structlog.get_logger(__name__)

MAX_WAITING_ROWS = 65_536
"""Rows that may wait for a slow disk, beyond which reports are refused."""

MAX_WAITING_CHARS = 256 * 2**20
"""Characters of their prompts, beyond which reports are refused too."""

MAX_COMMIT_ROWS = 16_384
"""Rows of one commit, or those of one report: so the first of many reports waits for few others."""

PATIENCE_S = 60.0
"""Seconds after which a commit counts as hanging. A database that answers gives up on a connection,
a lock or a statement before that, but nothing in it bounds the wait for one that was stopped or cut
off."""

T = TypeVar("T")
Records = Sequence[HistoryRecord]


class CommitLog(Protocol):
    """Where commits go. Blocking: called by one thread at a time."""

    def append(self, reports: Sequence[Records]) -> list[Stored]:
        """Store several reports with one sync.

        Raises:
            CallError: None of them is stored.
        """
        ...

    def close(self) -> None:
        """Release what the log holds: nothing comes any more."""
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that waits for its commit."""

    records: Records
    chars: int
    done: asyncio.Future[Stored]


class GroupCommit:
    """Keeps completions in a log.

    Args:
        log: Where commits go; opened by the caller, closed by `close`.
        max_waiting_rows: Rows that may wait; beyond it reports are refused.
        max_commit_rows: Rows of one commit, or those of one report.
        prepare_thread: Called once in the thread that commits.
    """

    def __init__(
        self,
        log: CommitLog,
        *,
        max_waiting_rows: int = MAX_WAITING_ROWS,
        max_commit_rows: int = MAX_COMMIT_ROWS,
        prepare_thread: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._max_waiting_rows = max_waiting_rows
        self._max_commit_rows = max_commit_rows
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix=THREAD_PREFIX + "completions", initializer=prepare_thread
        )
        self._waiting: list[Waiting] = []
        self._waiting_rows = 0
        self._waiting_chars = 0
        self._committing: asyncio.Task[None] | None = None
        self._hanging = False
        self._reported = 0
        self._refusals = LimitedLog("reports not stored")

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        return self._reported

    async def add(self, records: Records) -> Stored:
        """Write completions; returns once they are synced to disk.

        Raises:
            OverloadedError: The disk is full, or too slow for what is reported.
            NotServingError: The database cannot be reached, or does not answer.
            InternalFailureError: They cannot be written.
        """
        chars = sum(len(record.prompt) for record in records)
        self._check_room(len(records), chars)
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(records, chars, done))
        self._waiting_rows += len(records)
        self._waiting_chars += chars
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        # A caller who hangs up does not take back what the next commit holds.
        return await asyncio.shield(done)

    async def between_commits(self, work: Callable[[], T]) -> T:
        """Do something else with the log, in the thread that commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Write what waits and close the log, unless that hangs: then it is left alone.

        Takes as long as the log does, up to `PATIENCE_S`: to be cancelled by who cannot wait.
        """
        if self._committing is not None:
            await self._committing
        if self._hanging:
            log.warning("completions not closed: what keeps them does not answer")
            return
        await self.between_commits(self._log.close)
        self._thread.shutdown()

    def _check_room(self, rows: int, chars: int) -> None:
        if (
            self._waiting_rows + rows > self._max_waiting_rows
            or self._waiting_chars + chars > MAX_WAITING_CHARS
        ) and self._waiting:
            raise OverloadedError(
                f"{self._waiting_rows:,} completions wait to be written: back off and retry"
            )

    async def _commit_all(self) -> None:
        while self._waiting:
            await self._commit(self._take())
        self._committing = None

    def _take(self) -> list[Waiting]:
        """The reports of the next commit: the first, and those after it that it has room for."""
        taken, rows = 0, 0
        for one in self._waiting:
            rows += len(one.records)
            if taken and rows > self._max_commit_rows:
                break
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._waiting_rows -= sum(len(one.records) for one in batch)
        self._waiting_chars -= sum(one.chars for one in batch)
        return batch

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        try:
            stored = await self._append([one.records for one in batch])
        except CallError as error:
            await self._refuse(batch, error)
        except Exception as error:  # noqa: BLE001  the task must outlive whatever happens
            await self._refuse(batch, unexpected(error, where="Report"))
        else:
            for one, outcome in zip(batch, stored, strict=True):
                self._reported += outcome.stored
                _settle(one.done, outcome)

    async def _append(self, reports: Sequence[Records]) -> list[Stored]:
        """Store reports; where that hangs, leave it to itself and go on refusing until it ends.

        Raises:
            CallError: None of them is known to be stored.
        """
        if not self._hanging:
            work = asyncio.ensure_future(self.between_commits(lambda: self._log.append(reports)))
            await asyncio.wait({work}, timeout=PATIENCE_S)
            if work.done():
                return work.result()
            self._hanging = True
            work.add_done_callback(self._hangs_no_more)
        raise NotServingError(
            f"completions cannot be stored now: what keeps them has not answered for over "
            f"{PATIENCE_S:g} s; report them again later, which does no harm if they were stored "
            "after all"
        )

    def _hangs_no_more(self, work: asyncio.Future[list[Stored]]) -> None:
        self._hanging = False
        if work.cancelled():
            return
        error = work.exception()
        if error is None:  # stored after all: its callers are told so when they repeat it
            self._reported += sum(outcome.stored for outcome in work.result())
        log.info("what keeps the completions answers again", stored=error is None)

    async def _refuse(self, batch: Sequence[Waiting], error: CallError) -> None:
        """Answer reports that were not stored, after trying whether just one of them is bad."""
        if len(batch) > 1 and isinstance(error, InternalFailureError):
            for one in batch:
                await self._commit([one])
            return
        self._refusals.note(type(error).__name__, len(batch), error=str(error))
        for one in batch:
            if not one.done.done():
                one.done.set_exception(error)


def _settle(done: asyncio.Future[Stored], outcome: Stored) -> None:
    if not done.done():
        done.set_result(outcome)
