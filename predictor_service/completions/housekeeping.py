"""Removes, now and then, what the history is not to keep any longer."""

import asyncio
import contextlib
import math
from functools import partial

import structlog

from lengthwise.history.database.errors import HistoryError
from lengthwise.history.database.retention import Retention
from lengthwise.history.database.writer import HistoryWriter
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.failures import unexpected

log = structlog.get_logger(__name__)

PERIOD_S = 60.0
"""Seconds between two looks at what is to go: ages and sizes are bounded in days and megabytes."""


class Housekeeping:
    """A task that applies the retention between commits. Made inside a running event loop.

    Args:
        writer: Writes to the database; works in the thread of `commits`.
        commits: Between whose commits old completions are removed.
        retention: What is kept; nothing is removed where it has no limit. For their age only a
            share of the rows goes at a time, see `Retention.share_by_age`.
        processes: How many tidy this database alike: the share is that of all of them together.
        period_s: Seconds between two looks at what is to go.
    """

    def __init__(
        self,
        writer: HistoryWriter,
        commits: GroupCommit,
        retention: Retention,
        *,
        processes: int = 1,
        period_s: float = PERIOD_S,
    ) -> None:
        self._writer = writer
        self._commits = commits
        self._retention = retention
        self._processes = processes
        self._period_s = period_s
        self.removed = 0
        self._task = asyncio.create_task(self._run()) if retention.limited else None

    async def stop(self) -> None:
        """Remove nothing more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._remove_expired()
            except HistoryError as error:
                log.warning("old completions not removed, tried again later", error=str(error))
            except Exception as error:  # noqa: BLE001  the task must outlive whatever happens
                unexpected(error, where="removing old completions")
            await asyncio.sleep(self._period_s)

    async def _remove_expired(self) -> None:
        before = self.removed
        kept_rows = await self._commits.between_commits(self._writer.kept_rows)
        share = self._retention.share_by_age(self._period_s / self._processes)
        left = math.ceil(share * kept_rows)
        while removed := await self._commits.between_commits(partial(self._remove, left)):
            self.removed += removed
            left = max(0, left - removed)
        if self.removed > before:
            log.info("old completions removed", rows=self.removed - before)

    def _remove(self, most_by_age: int) -> int:
        return self._writer.remove_expired(self._retention, most_by_age=most_by_age)
