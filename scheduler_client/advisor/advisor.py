"""All that an engine needs to schedule by predicted length, without ever being in its way."""

import time
from collections.abc import Callable

from lengthwise.request import PredictionQuery
from scheduler_client.advisor.advice import Advice
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.counters import AdvisorCounters
from scheduler_client.advisor.ending import Ending
from scheduler_client.advisor.ledger import Ledger
from scheduler_client.advisor.link import PredictorLink
from scheduler_client.advisor.micro_batch import Answer
from scheduler_client.advisor.predictor_port import PredictorPort, connect
from scheduler_client.advisor.question import Question
from scheduler_client.advisor.settings import AdvisorSettings


class Advisor:
    """Gives every request its key: within the deadline, and whatever happens.

    No method raises. What goes wrong is counted, logged once a minute per cause, and answered by
    the key that the LLM's typical length amounts to, which ages like every other. Only a
    cancellation passes through. The coroutines and start() belong to the event loop that they are
    first used on; the rest may be called from any thread.

    Args:
        settings: See settings.py.
        clock: Seconds, monotonic.
        connect: Makes the client.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[[AdvisorSettings], PredictorPort] = connect,
    ) -> None:
        self._clock = clock
        self._complaints = Complaints(clock)
        self._ledger = Ledger(settings, self._complaints, clock)
        self._link = PredictorLink(settings, lambda: connect(settings), self._complaints, clock)
        self._closed = False

    def start(self) -> None:
        """Connect ahead of the first request, on the event loop that runs; advise() does too."""
        try:
            if not self._closed:
                self._link.start(self._ledger.seed)
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("starting failed", error)

    async def advise(self, question: Question) -> Advice:
        """The place of a request in the queue, with a prediction if one comes in time.

        Raises:
            asyncio.CancelledError: If the task that awaits this is cancelled; nothing else.
        """
        began_s = self._clock()
        answer: Answer = "internal_error"
        try:
            self.start()
            answer = await self._link.ask(self._query(question))
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("asking for a prediction failed", error)
        latency_s = self._clock() - began_s
        try:
            return self._ledger.advise(question, answer, latency_s)
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("making advice failed", error)
            return self._ledger.last_resort(question, latency_s)

    def fallback_key(self, question: Question) -> int:
        """The key that the LLM's typical length amounts to; nobody is asked."""
        try:
            return self._ledger.fallback_key(question)
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("making a key failed", error)
            return self._ledger.last_resort(question, 0.0).key

    def finished(self, ending: Ending) -> None:
        """Learn from a request that ended, and have its true length reported."""
        try:
            report = self._ledger.ended(ending)
            if report is not None and not self._closed:
                self._link.reports.put(report)
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("taking in a finished request failed", error)

    def forget(self, request_id: str) -> None:
        """A request was aborted: nothing is learnt of it, and nothing kept."""
        try:
            self._ledger.forget(request_id)
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("forgetting a request failed", error)

    @property
    def counters(self) -> AdvisorCounters:
        """What was done so far."""
        ledger, link = self._ledger, self._link
        with ledger.lock:
            tally, model = ledger.tally, ledger.keys.fit.model
            return AdvisorCounters(
                predictions=tally.predictions,
                fallbacks=dict(tally.fallbacks),
                latency_counts=tuple(tally.latency_counts),
                latency_sum_s=tally.latency_sum_s,
                error_count=tally.error_count,
                absolute_error_sum_tokens=tally.absolute_error_sum_tokens,
                internal_errors=self._complaints.faults,
                reports_sent=link.reporter.sent,
                reports_dropped=link.reports.dropped,
                reports_failed=link.reporter.failed,
                reports_waiting=len(link.reports),
                requests_known=len(ledger.pending),
                breaker_state=link.breaker.state,
                service_time=model,
            )

    async def close(self) -> None:
        """Send the last reports, within the time set for that, and end the connection."""
        self._closed = True
        try:
            await self._link.close()
        except Exception as error:  # noqa: BLE001  no method raises
            self._complaints.fault("closing failed", error)

    def _query(self, question: Question) -> PredictionQuery:
        return PredictionQuery(
            prompt=question.prompt or "",
            model=self._ledger.model_of(question),
            max_tokens=question.max_tokens or None,
            temperature=question.temperature,
            # No past prompt is shown to anyone: none need be sent.
            neighbour_count=0,
        )
