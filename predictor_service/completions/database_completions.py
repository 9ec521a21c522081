"""Completions in a database, as texts or as vectors alone."""

from collections.abc import Callable, Sequence

import structlog

from lengthwise.history.database.completion import Report
from lengthwise.history.database.errors import (
    FullError,
    HistoryError,
    OpenError,
    UnavailableError,
)
from lengthwise.history.database.place import Place
from lengthwise.history.database.retention import SECONDS_PER_DAY, Retention
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.record import HistoryRecord
from predictor_service.completions.completion_store import Stored
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.completions.housekeeping import Housekeeping
from predictor_service.completions.vectors_only import (
    MAX_COMMIT_ROWS,
    MAX_WAITING_ROWS,
    VectorsOnly,
)
from predictor_service.config import ServiceConfig
from predictor_service.errors import (
    CallError,
    InternalFailureError,
    NotServingError,
    OverloadedError,
    StartUpError,
)
from predictor_service.serving_index.served_index import ServedIndex

log = structlog.get_logger(__name__)

MakeReport = Callable[[Sequence[HistoryRecord]], Report]
"""Decides what of some completions is stored."""


class DatabaseLog:
    """A database as group commit writes to it. Blocking: one thread at a time.

    Args:
        writer: Writes to the database; opened by the caller, closed by `close`.
        make_report: Decides what of the completions is stored: texts, or vectors alone.
    """

    def __init__(self, writer: HistoryWriter, make_report: MakeReport = Report) -> None:
        self._writer = writer
        self._make_report = make_report

    def append(self, reports: Sequence[Sequence[HistoryRecord]]) -> list[Stored]:
        """Store several reports in one transaction; see `CommitLog.append`.

        Raises:
            CallError: None of them is stored.
        """
        made = [self._make_report(records) for records in reports]
        try:
            appended = self._writer.append(made)
        except HistoryError as error:
            raise refusal(error) from error
        return [Stored(len(one.new), one.duplicates, one.new, one.differing) for one in appended]

    def close(self) -> None:
        self._writer.close()


class DatabaseCompletions:
    """Keeps completions in a database. Made inside a running event loop.

    Args:
        writer: Writes to the database; opened by the caller, closed by `close`.
        retention: How much of the completions is kept.
        vectors_only: Stores vectors in place of texts; None to store texts.
        processes: How many of this service keep completions there, and remove old ones.
        prepare_thread: Called once in the thread that commits, if that encodes.
    """

    def __init__(
        self,
        writer: HistoryWriter,
        retention: Retention,
        *,
        vectors_only: VectorsOnly | None = None,
        processes: int = 1,
        prepare_thread: Callable[[], None] = lambda: None,
    ) -> None:
        if vectors_only is None:
            self._commits = GroupCommit(DatabaseLog(writer))
        else:
            self._commits = GroupCommit(
                DatabaseLog(writer, vectors_only),
                max_waiting_rows=MAX_WAITING_ROWS,
                max_commit_rows=MAX_COMMIT_ROWS,
                prepare_thread=prepare_thread,
            )
        self._housekeeping = Housekeeping(writer, self._commits, retention, processes=processes)

    @classmethod
    def from_config(
        cls,
        config: ServiceConfig,
        current: Callable[[], ServedIndex | None],
        prepare_thread: Callable[[], None],
    ) -> "DatabaseCompletions":
        """Open the database that the configuration names; see `open_completions`.

        Raises:
            StartUpError: It cannot be used.
        """
        try:
            place = Place.parse(config.completions or "")
            writer = HistoryWriter.open(place)
        except OpenError as error:
            raise StartUpError(f"--completions {error}") from error
        log.info("completions are kept", place=str(place), keeps=config.completions_keep)
        vectors_only = VectorsOnly(current) if config.completions_keep == "vectors" else None
        return cls(
            writer,
            retention(config),
            vectors_only=vectors_only,
            processes=config.processes,
            prepare_thread=prepare_thread,
        )

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        return self._commits.reported

    async def add(self, records: Sequence[HistoryRecord]) -> Stored:
        return await self._commits.add(records)

    async def close(self) -> None:
        """Write what waits and close the connection."""
        await self._housekeeping.stop()
        await self._commits.close()


def retention(config: ServiceConfig) -> Retention:
    """How much of the reported completions a database keeps."""
    days = config.completions_max_age_days
    max_age_s = None if days is None else days * SECONDS_PER_DAY
    return Retention(max_age_s=max_age_s, max_bytes=config.completions_max_bytes)


def refusal(error: HistoryError) -> CallError:
    """What a caller is told whose completions could not be written."""
    if isinstance(error, FullError):
        return OverloadedError(
            f"completions cannot be stored: {error}; none of this report was kept, report it "
            "again later"
        )
    if isinstance(error, UnavailableError):
        return NotServingError(
            f"completions cannot be stored now: {error}; report them again, which does no harm "
            "if they were stored after all"
        )
    return InternalFailureError(
        f"completions cannot be stored: {error}; none of this report was kept"
    )
