"""All that speaks to the predictor: predictions, reports, and what it knows of its LLMs."""

import asyncio
from collections.abc import Callable, Sequence

from lengthwise.index_info import ModelInfo
from lengthwise.request import PredictionQuery
from scheduler_client.advisor.breaker import CircuitBreaker
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.gate import PredictionGate
from scheduler_client.advisor.micro_batch import Answer
from scheduler_client.advisor.predictor_port import PredictorPort
from scheduler_client.advisor.report_queue import ReportQueue
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.advisor.seeding import seed_typical_lengths
from scheduler_client.advisor.settings import AdvisorSettings


class PredictorLink:
    """The advisor's side of the wire, put together. It belongs to one event loop.

    Args:
        settings: See settings.py.
        connect: Makes the client.
        complaints: Where failures are logged.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        connect: Callable[[], PredictorPort],
        complaints: Complaints,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._complaints = complaints
        self._connection = Connection(connect)
        self.breaker = CircuitBreaker(
            failures=settings.breaker_failures,
            failure_rate=settings.breaker_failure_rate,
            window=settings.breaker_window,
            open_s=settings.breaker_open_s,
            max_open_s=settings.breaker_max_open_s,
            clock=clock,
        )
        self._gate = PredictionGate(
            settings,
            connection=self._connection,
            breaker=self.breaker,
            complaints=complaints,
            clock=clock,
        )
        self.reports = ReportQueue(settings.report_queue, settings.report_queue_chars)
        self.reporter = Reporter(
            self.reports,
            self._connection,
            batch_size=settings.report_batch_size,
            interval_s=settings.report_interval_s,
            complaints=complaints,
        )
        self._seeding: asyncio.Task[None] | None = None
        self._prepare()

    def start(self, seed: Callable[[Sequence[ModelInfo]], None]) -> None:
        """Begin what runs in the background, on the event loop that runs; once.

        Args:
            seed: Takes what the predictor says of its LLMs.
        """
        if self._seeding is not None:
            return
        self._seeding = asyncio.get_running_loop().create_task(
            seed_typical_lengths(self._connection, seed, self._complaints)
        )
        if self._settings.report:
            self.reporter.start()

    async def ask(self, query: PredictionQuery) -> Answer:
        """The prediction, or why there is none; within the deadline."""
        return await self._gate.ask(query)

    async def close(self) -> None:
        """Send the last reports, within the time set for that, and end the connection."""
        if self._seeding is not None:
            self._seeding.cancel()
            await asyncio.gather(self._seeding, return_exceptions=True)
        await self._gate.close()
        await self.reporter.close(self._settings.close_timeout_s)
        await self._connection.close()

    def _prepare(self) -> None:
        try:
            self._connection.prepare()
        except Exception as error:  # noqa: BLE001  what cannot be found now may be there later
            self._complaints.say("connect", f"no way to the predictor yet: {error}")
