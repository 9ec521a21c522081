"""Hands true lengths to the predictor, in the background."""

import asyncio
import contextlib

from lengthwise.request import CompletedRequest
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.report_queue import ReportQueue
from scheduler_client.errors import InvalidRequestError, LengthPredictorError

REPORT_TIMEOUT_S = 10.0

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0


class Reporter:
    """Sends what its queue holds, once an interval, in batches.

    A batch that was not acknowledged waits and goes again, with the same ids, so that the predictor
    stores none of it twice. One that is refused goes again piece by piece, and what is refused
    alone is given up. It belongs to one event loop; the queue takes from any thread.

    Args:
        queue: Where the reports come from.
        connection: To the predictor.
        batch_size: Reports in one call at most.
        interval_s: Between looks into the queue, in seconds.
        complaints: Where failures are logged.
    """

    def __init__(
        self,
        queue: ReportQueue,
        connection: Connection,
        *,
        batch_size: int,
        interval_s: float,
        complaints: Complaints,
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._batch_size = batch_size
        self._interval_s = interval_s
        self._complaints = complaints
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.sent = 0
        self.failed = 0

    def start(self) -> None:
        """Begin, on the event loop that runs."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self, timeout_s: float) -> None:
        """Send what is left, within so many seconds; what then still waits counts as failed."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.failed += len(self._queue.take(len(self._queue)))

    async def _run(self) -> None:
        wait_s = self._interval_s
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._closing.wait()
            if await self._send_all():
                wait_s, backoff_s = self._interval_s, FIRST_BACKOFF_S
            else:
                wait_s, backoff_s = backoff_s, min(2 * backoff_s, MAX_BACKOFF_S)

    async def _send_all(self) -> bool:
        """Empty the queue; False if the predictor does not take it now."""
        while batch := self._queue.take(self._batch_size):
            try:
                await self._send(batch)
            except LengthPredictorError as error:
                self._queue.give_back(batch)
                self._complaints.say("report", f"true lengths wait to be reported: {error}")
                return False
            except Exception as error:  # noqa: BLE001  a fault on this side must not end the task
                self.failed += len(batch)
                self._complaints.say("report_fault", "a report failed on this side", error)
            except asyncio.CancelledError:
                self._queue.give_back(batch)
                raise
        return True

    async def _send(self, batch: list[CompletedRequest]) -> None:
        """Send a batch and take out of it what needs no further try."""
        port = await self._connection.port()
        try:
            await port.report(batch, timeout_s=REPORT_TIMEOUT_S)
            self.sent += len(batch)
        except InvalidRequestError as error:
            if len(batch) > 1:
                await self._send_singly(batch)
                return
            self.failed += 1
            self._complaints.say("report_refused", f"a true length was refused: {error}")
        batch.clear()

    async def _send_singly(self, batch: list[CompletedRequest]) -> None:
        """One of them was refused: find out which."""
        while batch:
            await self._send(batch[:1])
            del batch[0]
