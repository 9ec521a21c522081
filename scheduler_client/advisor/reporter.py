"""Hands true lengths to the predictor, in the background."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from itertools import islice

from lengthwise.request import CompletedRequest
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.errors import InvalidRequestError, LengthPredictorError

MAX_WAITING = 10_000
"""True lengths that may wait to be reported; the oldest go first."""

MAX_WAITING_CHARS = 64 * 2**20
"""Characters of their prompts that may."""

BATCH_SIZE = 64
"""True lengths in one call."""

REPORT_TIMEOUT_S = 10.0
"""A predictor that stores 64 rows takes milliseconds: by then it is away."""

MAX_PAUSE_S = 30.0
"""What the interval doubles up to while the predictor is away: it hears from us twice a minute."""


class Reporter:
    """Sends the true lengths that wait, once an interval, in batches.

    They wait until they are acknowledged, and go again with the same ids, so that the predictor
    stores none of them twice. A batch that is refused goes again piece by piece, and what is
    refused alone is given up. Where too many wait the oldest go. It belongs to one event loop.

    Args:
        settings: The interval, and how long the end may take.
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
        while len(self._waiting) > MAX_WAITING or self._chars > MAX_WAITING_CHARS:
            self.dropped += self._let_go([self._waiting[0]])

    async def close(self) -> None:
        """Send what is left, within the time set for that; what then still waits has failed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.close_timeout_s):
                    await self._send_all()
        self.failed += self._let_go(tuple(self._waiting))

    async def _run(self) -> None:
        pause_s = self._settings.report_interval_s
        while True:
            await asyncio.sleep(pause_s)
            taken = await self._send_all()
            pause_s = self._settings.report_interval_s if taken else min(2 * pause_s, MAX_PAUSE_S)

    async def _send_all(self) -> bool:
        """Empty the queue; False if the predictor does not take it now."""
        while batch := tuple(islice(self._waiting, BATCH_SIZE)):
            try:
                await self._send(batch)
            except LengthPredictorError as error:
                self._log.warn("report", f"true lengths wait to be reported: {error}")
                return False
            except Exception as error:  # noqa: BLE001  a fault on this side must not end the task
                self._log.fault("a report failed on this side", error)
                self.failed += self._let_go(batch)
        return True

    async def _send(self, batch: Sequence[CompletedRequest]) -> None:
        """Send a batch, and let go of what needs no further try."""
        client = await self._connection.client()
        try:
            await client.report(batch, timeout_s=REPORT_TIMEOUT_S)
        except InvalidRequestError as error:
            if len(batch) > 1:  # find out which
                for report in batch:
                    await self._send([report])
                return
            self._log.warn("report_refused", f"a true length was refused: {error}")
            self.failed += self._let_go(batch)
        else:
            self.sent += self._let_go(batch)

    def _let_go(self, reports: Sequence[CompletedRequest]) -> int:
        """Forget the oldest; how many they were, without those that were dropped meanwhile."""
        count = 0
        for report in reports:
            if self._waiting and self._waiting[0] is report:
                self._chars -= len(self._waiting.popleft().prompt)
                count += 1
        return count
