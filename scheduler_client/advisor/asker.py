"""Asks the predictor over one stream, and says of every query what came of it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery
from scheduler_client.advisor.breaker import CircuitBreaker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.errors import InvalidRequestError
from scheduler_client.outcome import Outcome

FallbackCause = Literal[
    "deadline",
    "breaker_open",
    "too_many_in_flight",
    "no_text",
    "refused",
    "predictor_error",
    "not_asked",
]
"""Why there is no prediction.

deadline: none came in time; breaker_open: the predictor failed before and is left alone for a
while; too_many_in_flight: as many queries are out as may be; no_text: the request has no text to
ask about; refused: the predictor does not take this prompt; predictor_error: it cannot be reached
or failed; not_asked: the length is known or nobody needs it.
"""

FALLBACK_CAUSES: tuple[FallbackCause, ...] = get_args(FallbackCause)
"""All of them, so that each has its counter from the start, at 0."""

Answer = Prediction | FallbackCause
"""A prediction, or why there is none."""

MAX_IN_FLIGHT = 4_096
"""Queries that are out or wait to be sent; the next goes without an answer."""

BATCH_SIZE = 64
"""Queries that go together, in one message unless their prompts are too long for it."""

MESSAGES_IN_FLIGHT = 16
"""Messages at a time; while as many are out, queries gather for the next."""


@dataclass(slots=True)
class _Asked:
    """A query on its way."""

    query: PredictionQuery
    answer: "asyncio.Future[Answer]"
    sent_s: float = 0.0
    again: bool = False

    def give(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Asker:
    """Sends what has gathered as one message, whenever the stream takes one.

    Nobody waits for company: a lone query goes at once, and only while as many messages are out as
    may be do queries gather. What a broken stream had not answered is asked once more, over the
    next. A predictor that fails is left alone by a circuit breaker; then every query is answered at
    once that nobody was asked. It belongs to one event loop.

    Args:
        settings: Where the predictor is, and how long an answer may take.
        connection: Gives the client that asks, and renews it where the predictor hangs, or fails
            so often that the circuit breaker opens.
        log: Told of failures; of each kind it writes a line a minute.
        clock: Monotonic time in seconds, by which the circuit breaker opens and closes.
    """

    def __init__(
        self,
        settings: AdvisorSettings,
        connection: Connection,
        log: RateLimitedLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._log = log
        self._clock = clock
        self.breaker = CircuitBreaker(clock)
        self._waiting: deque[_Asked] = deque()
        self._out: deque[_Asked] = deque()
        self._gathered = asyncio.Event()
        self._patience: asyncio.Timeout | None = None
        self._streaming: asyncio.Task[None] | None = None

    def ask(self, query: PredictionQuery) -> "asyncio.Future[Answer]":
        """Ask; the future gets its answer whenever that comes, and never an exception.

        Cancel it where the answer is no longer wanted.
        """
        asked = _Asked(query, asyncio.get_running_loop().create_future())
        if not query.prompt or query.prompt.isspace():
            asked.give("no_text")
        elif len(self._waiting) + len(self._out) >= MAX_IN_FLIGHT:
            asked.give("too_many_in_flight")
        elif not self.breaker.admit():
            asked.give("breaker_open")
        else:
            self._waiting.append(asked)
            self._gathered.set()
            if self._streaming is None or self._streaming.done():
                self._streaming = asyncio.get_running_loop().create_task(self._run())
        return asked.answer

    async def answer(self, query: PredictionQuery, deadline_s: float) -> Answer:
        """Ask, and wait for the answer no longer than a deadline, in seconds."""
        asked = self.ask(query)
        if asked.done():  # nobody was asked
            return asked.result()
        try:
            async with asyncio.timeout(deadline_s):
                return await asked  # cancelled with whoever waits, too
        except TimeoutError:
            return "deadline"

    async def close(self) -> None:
        """Give up what is under way."""
        if self._streaming is not None:
            self._streaming.cancel()
            await asyncio.gather(self._streaming, return_exceptions=True)
        self._give_up("predictor_error")

    async def _run(self) -> None:
        """One stream after another, while there is something to ask."""
        while self._waiting:
            try:
                await self._stream()
            except TimeoutError:
                late_s = self._settings.answer_timeout_s
                self._log.warn("deadline", f"the predictor has not answered within {late_s:g} s")
                self._failed(max(1, len(self._out) // BATCH_SIZE))  # messages, about
                self._give_up("deadline")
                await self._connection.renew()
            except Exception as error:  # noqa: BLE001  no failure of the predictor's gets any further
                if self._out or self._waiting:  # an idle stream may end: there will be another
                    self._log.warn("predictor_error", f"no predictions: {error}")
                    self._failed(1)
                self._ask_again()
                # Its address or its certificates may have changed: both are read when connecting.
                if self.breaker.state == "open":
                    await self._connection.renew()

    async def _stream(self) -> None:
        """Send and receive until the stream breaks; it raises what broke it."""
        client = await self._connection.client()
        batches: Any = client.predict_batches(self._batches(), max_in_flight=MESSAGES_IN_FLIGHT)
        async with asyncio.timeout(None) as self._patience, aclosing(batches) as answered:
            self._watch()
            async for outcomes in answered:
                self._answered(outcomes)
                self._watch()

    async def _batches(self) -> AsyncIterator[list[PredictionQuery]]:
        """What has gathered, again and again."""
        while True:
            await self._gathered.wait()
            if batch := self._take():
                yield [asked.query for asked in batch]

    def _take(self) -> list[_Asked]:
        """The oldest that still want an answer, as many as go together."""
        batch: list[_Asked] = []
        while self._waiting and len(batch) < BATCH_SIZE:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                asked.sent_s = asyncio.get_running_loop().time()
                batch.append(asked)
        if not self._waiting:
            self._gathered.clear()
        was_idle = not self._out
        self._out += batch
        if was_idle:
            self._watch()
        return batch

    def _watch(self) -> None:
        """Have the stream end once the oldest query has gone unanswered for too long."""
        if self._patience is not None:
            timeout_s = self._settings.answer_timeout_s
            self._patience.reschedule(self._out[0].sent_s + timeout_s if self._out else None)

    def _answered(self, outcomes: list[Outcome]) -> None:
        answers: list[Answer] = [_answer(outcome) for outcome in outcomes]
        for answer in answers:
            self._out.popleft().give(answer)
        # A refused prompt is an answer: the predictor is well.
        if any(isinstance(answer, Prediction) or answer == "refused" for answer in answers):
            before = self.breaker.state
            self.breaker.succeeded()
            if before != self.breaker.state == "closed":
                self._log.warn("breaker_closed", "the predictor answers again")
        else:
            self._failed(1)

    def _ask_again(self) -> None:
        """Put what was out before what waits, unless it was asked twice already."""
        while self._out:
            asked = self._out.pop()
            if asked.again:
                asked.give("predictor_error")
            else:
                asked.again = True
                self._waiting.appendleft(asked)
        if self.breaker.state == "open":
            self._give_up("breaker_open")
        self._gathered.set() if self._waiting else self._gathered.clear()

    def _give_up(self, cause: FallbackCause) -> None:
        for asked in (*self._out, *self._waiting):
            asked.give(cause)
        self._out.clear()
        self._waiting.clear()
        self._gathered.clear()

    def _failed(self, times: int) -> None:
        before = self.breaker.state
        for _ in range(times):
            self.breaker.failed()
        if before == "closed" and self.breaker.state == "open":
            self._log.warn(
                "breaker_open",
                f"the predictor at {self._settings.target} is left alone for now: requests go on "
                "with the typical length of their LLM",
            )


def _answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, Prediction):
        return outcome
    return "refused" if isinstance(outcome.error, InvalidRequestError) else "predictor_error"
