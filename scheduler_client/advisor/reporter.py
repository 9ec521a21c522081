"""Hands true lengths to the predictor, in the background."""

import asyncio
import contextlib
from collections import deque

from lengthwise.request import CompletedRequest
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.errors import InvalidRequestError, LengthPredictorError

REPORT_TIMEOUT_S = 10.0
"""A predictor that stores 64 rows takes milliseconds: by then it is away."""

FIRST_BACKOFF_S = 0.5
"""Until a batch that was not taken goes again: a restarted predictor is soon back."""

MAX_BACKOFF_S = 30.0
"""What the wait doubles up to: a predictor that is away for hours hears from us twice a minute."""


class Reporter:
    """Sends the true lengths that wait, once an interval, in batches.

    A batch that was not acknowledged waits and goes again, with the same ids, so that the predictor
    stores none of it twice. One that is refused goes again piece by piece, and what is refused
    alone is given up. Where too many wait the oldest go. It belongs to one event loop.

    Args:
        settings: Bounds of the queue and the batches, and the interval.
        connection: Gives the client that reports.
        log: Told of failures; of each kind it writes a line a minute.
    """

    def __init__(
        self, settings: AdvisorSettings, connection: Connection, log: RateLimitedLog
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._log = log
        self._waiting: deque[CompletedRequest] = deque()
        self._chars = 0
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.sent = 0
        self.failed = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """True lengths that wait to be sent."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin, on the event loop that runs."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, report: CompletedRequest) -> None:
        """Have a true length sent with the next batch."""
        self._waiting.append(report)
        self._chars += len(report.prompt)
        self._trim()

    async def close(self) -> None:
        """Send what is left, within the time set for that; what then still waits has failed."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._settings.close_timeout_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.failed += len(self._take(len(self._waiting)))

    async def _run(self) -> None:
        wait_s = self._settings.report_interval_s
        backoff_s = FIRST_BACKOFF_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._closing.wait()
            taken = await self._send_all()
            if self._closing.is_set():
                return
            if taken:
                wait_s, backoff_s = self._settings.report_interval_s, FIRST_BACKOFF_S
            else:
                wait_s, backoff_s = backoff_s, min(2 * backoff_s, MAX_BACKOFF_S)

    async def _send_all(self) -> bool:
        """Empty the queue; False if the predictor does not take it now."""
        while batch := self._take(self._settings.report_batch_size):
            try:
                await self._send(batch)
            except LengthPredictorError as error:
                self._give_back(batch)
                self._log.warn("report", f"true lengths wait to be reported: {error}")
                return False
            except Exception as error:  # noqa: BLE001  a fault on this side must not end the task
                self.failed += len(batch)
                self._log.fault("a report failed on this side", error)
            except asyncio.CancelledError:
                self._give_back(batch)
                raise
        return True

    async def _send(self, batch: list[CompletedRequest]) -> None:
        """Send a batch and take out of it what needs no further try."""
        client = await self._connection.client()
        try:
            await client.report(batch, timeout_s=REPORT_TIMEOUT_S)
            self.sent += len(batch)
        except InvalidRequestError as error:
            if len(batch) > 1:
                await self._send_singly(batch)
                return
            self.failed += 1
            self._log.warn("report_refused", f"a true length was refused: {error}")
        batch.clear()

    async def _send_singly(self, batch: list[CompletedRequest]) -> None:
        """One of them was refused: find out which."""
        while batch:
            await self._send(batch[:1])
            del batch[0]

    def _take(self, count: int) -> list[CompletedRequest]:
        """Take the oldest out."""
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        self._chars -= sum(len(report.prompt) for report in taken)
        return taken

    def _give_back(self, reports: list[CompletedRequest]) -> None:
        """Put what was taken in front again."""
        self._waiting.extendleft(reversed(reports))
        self._chars += sum(len(report.prompt) for report in reports)
        self._trim()

    def _trim(self) -> None:
        while (
            len(self._waiting) > self._settings.report_queue
            or self._chars > self._settings.report_queue_chars
        ):
            self._chars -= len(self._waiting.popleft().prompt)
            self.dropped += 1
