"""Requests that come together are asked about together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery
from scheduler_client.advisor.advice import FallbackCause

Answer = Prediction | FallbackCause
"""A prediction, or why there is none."""

Send = Callable[[list[PredictionQuery]], Awaitable[list[Answer]]]
"""One call: an answer per query, in their order. It does not raise."""


class MicroBatcher:
    """Gathers what comes in one turn of the event loop into one call.

    Nobody waits for company: a lone request goes with the next turn. Only while as many calls are
    out as may be do requests gather until one returns. A request whose future is done before its
    turn, because it gave up waiting, is not sent. It belongs to one event loop.

    Args:
        send: Makes a call.
        batch_size: Queries in one call at most.
        calls: Calls at a time at most.
    """

    def __init__(self, send: Send, *, batch_size: int, calls: int) -> None:
        self._send = send
        self._batch_size = batch_size
        self._calls = calls
        self._waiting: deque[tuple[PredictionQuery, asyncio.Future[Answer]]] = deque()
        self._out: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def add(self, query: PredictionQuery) -> "asyncio.Future[Answer]":
        """Take a query; the future gets its answer, whenever that comes."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        self._schedule()
        return future

    async def close(self) -> None:
        """Give up the calls that are out; what waits is answered that nobody could be asked."""
        for task in tuple(self._out):
            task.cancel()
        await asyncio.gather(*self._out, return_exceptions=True)
        for _, future in self._waiting:
            _answer(future, "predictor_error")
        self._waiting.clear()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled and len(self._out) < self._calls:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._out) < self._calls:
            if batch := self._take():
                task = asyncio.get_running_loop().create_task(self._carry(batch))
                self._out.add(task)
                task.add_done_callback(self._returned)

    def _take(self) -> list[tuple[PredictionQuery, "asyncio.Future[Answer]"]]:
        """The oldest that still wait for an answer."""
        batch: list[tuple[PredictionQuery, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._batch_size:
            query, future = self._waiting.popleft()
            if not future.done():
                batch.append((query, future))
        return batch

    async def _carry(self, batch: list[tuple[PredictionQuery, "asyncio.Future[Answer]"]]) -> None:
        answers: list[Answer] = []
        try:
            answers = await self._send([query for query, _ in batch])
        finally:
            # Whatever befell the call, nobody is left waiting.
            for (_, future), answer in zip(batch, answers, strict=False):
                _answer(future, answer)
            for _, future in batch[len(answers) :]:
                _answer(future, "predictor_error")

    def _returned(self, task: "asyncio.Task[None]") -> None:
        self._out.discard(task)
        if not task.cancelled():
            task.exception()  # seen: its requests were answered
            self._schedule()


def _answer(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
