"""Completions in a database."""

from collections.abc import Callable, Sequence

import structlog

from lengthwise.history.database.errors import OpenError
from lengthwise.history.database.place import Place
from lengthwise.history.database.retention import Retention
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.record import HistoryRecord
from predictor_service.completions.completion_store import Stored
from predictor_service.completions.database_log import DatabaseLog
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.completions.housekeeping import Housekeeping
from predictor_service.completions.vectors_only import (
    MAX_COMMIT_ROWS,
    MAX_WAITING_ROWS,
    VectorsOnly,
)
from predictor_service.config import ServiceConfig
from predictor_service.errors import StartUpError
from predictor_service.serving_index.served_index import ServedIndex

log = structlog.get_logger(__name__)


class DatabaseCompletions:
    """Keeps completions in a database. Made inside a running event loop.

    Args:
        writer: Opened by the caller; closed by `close`.
        retention: How much of them.
        vectors_only: Stores vectors in place of texts; None to store texts.
        prepare_thread: Called once in the thread that commits, if that encodes.
    """

    def __init__(
        self,
        writer: HistoryWriter,
        retention: Retention,
        *,
        vectors_only: VectorsOnly | None = None,
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
        self._housekeeping = Housekeeping(writer, self._commits, retention)

    @classmethod
    def open(
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
            writer, config.retention, vectors_only=vectors_only, prepare_thread=prepare_thread
        )

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        return self._commits.reported

    async def add(self, records: Sequence[HistoryRecord]) -> Stored:
        """Store completions; see `CompletionStore.add`."""
        return await self._commits.add(records)

    async def close(self) -> None:
        """Write what waits and close the connection."""
        await self._housekeeping.stop()
        await self._commits.close()
