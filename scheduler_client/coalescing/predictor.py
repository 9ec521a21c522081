"""Calls that come together travel together, without their callers knowing of each other."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Self, Unpack

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery, QueryOptions, as_query
from scheduler_client.aio import AsyncLengthPredictorClient
from scheduler_client.errors import ClientClosedError
from scheduler_client.outcome import PredictionFailure

TOGETHER_PROMPTS = 8
"""Prompts of a message at most: up to these the service takes it for a lone call, which goes before
bulk; and most of what a call costs is saved by then."""

TOGETHER_CHARS = 2_048
"""Characters of a message of several prompts at most, for the same reason."""


class Waiting(NamedTuple):
    """A call that has not gone yet."""

    query: PredictionQuery
    answer: "asyncio.Future[Prediction]"


def messages_of(calls: Sequence[Waiting]) -> list[list[Waiting]]:
    """Divide what came together into messages that are small enough to be lone calls, in order."""
    messages: list[list[Waiting]] = []
    chars = 0
    for call in calls:
        # A conversation's length is not known before it is written: it goes alone.
        size = len(call.query.prompt) if not call.query.messages else TOGETHER_CHARS
        chars += size
        if not messages or len(messages[-1]) == TOGETHER_PROMPTS or chars > TOGETHER_CHARS:
            messages.append([])
            chars = size
        messages[-1].append(call)
    return messages


class CoalescingPredictor:
    """Predicts one prompt at a time for many tasks, in few messages.

    A call of its own costs the service four times what a prompt in such a message does, and the
    client three times (`python -m benchmarks.unary`). Calls that are made in the same round of the
    event loop therefore go as one PredictBatch; nothing ever waits for others to come, and a call
    that is alone goes as it would without this. Each keeps its own deadline, its own error and may
    be cancelled by itself; a call that failed as a whole (nobody answers, say) fails for all that
    travelled in it.

    Args:
        client: Carries the messages; it is closed by its owner, not by this.
    """

    def __init__(self, client: AsyncLengthPredictorClient) -> None:
        self._client = client
        self._waiting: defaultdict[float | None, list[Waiting]] = defaultdict(list)
        self._under_way: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End; calls under way end with ClientClosedError."""
        self._closed = True
        for message in tuple(self._under_way):
            message.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def predict(
        self,
        prompt: str | PredictionQuery = "",
        *,
        timeout_s: float | None = None,
        **options: Unpack[QueryOptions],
    ) -> Prediction:
        """Predict how long the answer to one prompt will be; see LengthPredictorClient.predict."""
        if self._closed:
            raise _closed_error()
        loop = asyncio.get_running_loop()
        call = Waiting(as_query(prompt, **options), loop.create_future())
        if not self._waiting:
            loop.call_soon(self._send)
        # Those of one deadline, since a message has but one.
        self._waiting[timeout_s].append(call)
        return await call.answer

    def _send(self) -> None:
        """Send what came in this round of the event loop."""
        waiting, self._waiting = self._waiting, defaultdict(list)
        if self._closed:
            for calls in waiting.values():
                _fail(calls, _closed_error())
            return
        for timeout_s, calls in waiting.items():
            for message in messages_of(calls):
                self._start(message, timeout_s)

    def _start(self, message: list[Waiting], timeout_s: float | None) -> None:
        task = asyncio.create_task(self._ask(message, timeout_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        left = len(message)

        def gave_up(answer: "asyncio.Future[Prediction]") -> None:
            nonlocal left
            left -= answer.cancelled()
            if not left:
                task.cancel()

        for call in message:
            call.answer.add_done_callback(gave_up)

    async def _ask(self, message: list[Waiting], timeout_s: float | None) -> None:
        try:
            if len(message) == 1:
                (call,) = message
                _settle(call, await self._client.predict(call.query, timeout_s=timeout_s))
                return
            queries = [call.query for call in message]
            outcomes = await self._client.predict_many(queries, timeout_s=timeout_s)
            for call, outcome in zip(message, outcomes, strict=True):
                _settle(call, outcome)
        except asyncio.CancelledError:
            _fail(message, _closed_error())
            raise
        except Exception as error:  # noqa: BLE001  it is the callers', each of whom awaits it
            _fail(message, error)


def _settle(call: Waiting, outcome: Prediction | PredictionFailure) -> None:
    if call.answer.done():  # its caller gave up
        return
    if isinstance(outcome, PredictionFailure):
        call.answer.set_exception(outcome.error)
    else:
        call.answer.set_result(outcome)


def _fail(message: list[Waiting], error: Exception) -> None:
    for call in message:
        if not call.answer.done():
            call.answer.set_exception(error)


def _closed_error() -> ClientClosedError:
    return ClientClosedError("the predictor was closed before the call was answered")
