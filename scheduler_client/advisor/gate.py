"""The way to the predictor: who is asked about, for how long, and when nobody is."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery
from scheduler_client.advisor.breaker import CircuitBreaker
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.micro_batch import Answer, MicroBatcher
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.errors import InvalidRequestError, PredictionTimeoutError
from scheduler_client.outcome import Outcome

_LATE_S = 0.005
"""A timer that fires so late says that the event loop itself was held up."""


class PredictionGate:
    """Asks the predictor, and costs a request its deadline at most. It belongs to one event loop.

    While the circuit breaker is open nobody waits at all: the call that tries whether the predictor
    is back carries a request's prompt, but that request goes on without its answer.

    Args:
        settings: Deadline and bounds.
        connection: To the predictor.
        breaker: Told how each call went.
        complaints: Where failures are logged.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        *,
        connection: Connection,
        breaker: CircuitBreaker,
        complaints: Complaints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._breaker = breaker
        self._complaints = complaints
        self._clock = clock
        self._batcher = MicroBatcher(
            self._send, batch_size=settings.predict_batch_size, calls=settings.predict_calls
        )
        self._waiting = 0
        self._probe: asyncio.Task[None] | None = None

    async def ask(self, query: PredictionQuery) -> Answer:
        """The prediction, or why there is none; within the deadline."""
        if not query.prompt or query.prompt.isspace():
            return "no_text"
        admission = self._breaker.admit()
        if admission == "probe":
            self._probe = asyncio.get_running_loop().create_task(self._try(query))
        if admission != "ask":
            return "breaker_open"
        if self._waiting >= self._settings.max_in_flight:
            return "too_many_in_flight"
        self._waiting += 1
        try:
            return await self._answer_in_time(query)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Give up what is under way."""
        await self._batcher.close()
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    async def _answer_in_time(self, query: PredictionQuery) -> Answer:
        future = self._batcher.add(query)
        patience = _Patience(future, self._settings.deadline_s, self._clock)
        try:
            return await future
        finally:
            patience.cancel()

    async def _try(self, query: PredictionQuery) -> None:
        """The one call of a half-open breaker."""
        (answer,) = await self._send([query])
        if answer == "deadline":
            await self._connection.renew()

    async def _send(self, queries: list[PredictionQuery]) -> list[Answer]:
        """One call, whose end the breaker is told."""
        answers: list[Answer]
        try:
            port = await self._connection.port()
            outcomes = await port.predict_many(queries, timeout_s=self._settings.deadline_s)
            answers = [_answer(outcome) for outcome in outcomes]
        except InvalidRequestError:
            answers = ["refused" for _ in queries]
        except PredictionTimeoutError as error:
            self._complaints.say("deadline", f"no prediction in time: {error}")
            answers = ["deadline" for _ in queries]
        except Exception as error:  # noqa: BLE001  no failure of the predictor's may reach a request
            self._complaints.say("predictor_error", f"no predictions: {error}")
            answers = ["predictor_error" for _ in queries]
        self._tell_breaker(answers)
        return answers

    def _tell_breaker(self, answers: list[Answer]) -> None:
        """A refused prompt is an answer: the predictor is well."""
        before = self._breaker.state
        if any(isinstance(answer, Prediction) or answer == "refused" for answer in answers):
            self._breaker.succeeded()
        else:
            self._breaker.failed()
        after = self._breaker.state
        if before == "closed" and after == "open":
            self._complaints.say(
                "breaker_open",
                f"the predictor at {self._settings.target} is left alone for now: requests go on "
                "with the typical length of their LLM",
            )
        elif before != "closed" and after == "closed":
            self._complaints.say("breaker_closed", "the predictor answers again")


class _Patience:
    """Ends a request's wait at its deadline.

    While the event loop is held up (a burst of requests to tokenize), an answer that is there
    cannot be fetched; once, that time is given back, the deadline's length of it at most.
    """

    def __init__(
        self, future: "asyncio.Future[Any]", deadline_s: float, clock: Callable[[], float]
    ) -> None:
        self._future = future
        self._deadline_s = deadline_s
        self._clock = clock
        self._due_s = clock() + deadline_s
        self._timer = asyncio.get_running_loop().call_later(deadline_s, self._first)

    def cancel(self) -> None:
        """The wait is over."""
        self._timer.cancel()

    def _first(self) -> None:
        late_s = self._clock() - self._due_s
        if late_s < _LATE_S or self._future.done():
            self._end()
            return
        more_s = min(late_s, self._deadline_s)
        self._timer = asyncio.get_running_loop().call_later(more_s, self._end)

    def _end(self) -> None:
        if not self._future.done():
            self._future.set_result("deadline")


def _answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, Prediction):
        return outcome
    return "refused" if isinstance(outcome.error, InvalidRequestError) else "predictor_error"
