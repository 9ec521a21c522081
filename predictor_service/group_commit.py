"""Many concurrent reports, one sync: whoever comes while one commit runs goes into the next."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from length_index.record import HistoryRecord
from predictor_service.completion_file import CompletionFile, refusal
from predictor_service.completions import Stored
from predictor_service.errors import OverloadedError

log = structlog.get_logger(__name__)

MAX_WAITING_ROWS = 65_536
"""Rows that may wait for a slow disk, beyond which reports are refused."""


class FileCompletions:
    """Keeps completions in a file.

    Args:
        file: Opened by the caller; closed by `close`.
    """

    def __init__(self, file: CompletionFile) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="completions")
        self._waiting: list[tuple[Sequence[HistoryRecord], asyncio.Future[Stored]]] = []
        self._waiting_rows = 0
        self._committing: asyncio.Task[None] | None = None
        self._reported = 0

    @property
    def reported(self) -> int:
        """Completions stored since the service started."""
        return self._reported

    async def add(self, records: Sequence[HistoryRecord]) -> Stored:
        """Write completions; returns once they are synced to disk.

        Raises:
            OverloadedError: The disk is full, or too slow for what is reported.
            InternalFailureError: The file cannot be written.
        """
        if self._waiting_rows + len(records) > MAX_WAITING_ROWS:
            raise OverloadedError(
                f"{self._waiting_rows:,} completions wait to be written: back off and retry"
            )
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        self._waiting_rows += len(records)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        # A caller who hangs up does not take back what the next commit holds.
        return await asyncio.shield(done)

    async def close(self) -> None:
        """Write what waits and close the file."""
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()
        self._file.close()

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self._waiting_rows = 0
            await self._commit(batch)
        self._committing = None

    async def _commit(
        self, batch: list[tuple[Sequence[HistoryRecord], asyncio.Future[Stored]]]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(
                self._thread, self._file.append, [records for records, _ in batch]
            )
        except (OSError, ValueError) as error:
            log.error("completions not stored", error=str(error))  # noqa: TRY400  no stack needed
            os_error = error if isinstance(error, OSError) else OSError(str(error))
            for _, done in batch:
                done.set_exception(refusal(os_error))
            return
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            self._reported += outcome.stored
            done.set_result(outcome)
