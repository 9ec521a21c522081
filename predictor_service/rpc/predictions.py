"""From request messages to result messages: validation, cache, micro-batches, errors of items."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lengthwise.index.estimate.estimate import Query
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.cache import PredictionCache, cache_key
from predictor_service.batching.job import FEW_PROMPTS, Answer, Job
from predictor_service.drift.outstanding import OutstandingPredictions
from predictor_service.errors import CallError, InvalidRequestError, OverloadedError
from predictor_service.rpc.validation import RequestLimits
from predictor_service.rpc.wire import fill_response, predicted_quantiles, serialize_estimate
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.tracing.call_tracer import note_answers

SLICE_ITEMS = 256
"""Items handled at a stretch: then the event loop gets to serve others."""


@dataclass(slots=True)
class Result:
    """What one request gets: a serialised answer, with timing if it was computed, or an error.

    Args:
        request: The message that asks for a prediction.
        body: The part of the answer that the cache keeps; see `serialize_estimate`.
        answer: What was computed; None for an answer from the cache, or an error.
        error: Why there is no answer.
        query: What the request asks; None if it cannot be used.
    """

    request: pb.PredictRequest
    body: bytes = b""
    answer: Answer | None = None
    error: CallError | None = None
    query: Query | None = None

    def fill(self, response: pb.PredictResponse) -> None:
        """Complete a response message.

        Raises:
            CallError: There is no answer.
        """
        if self.error is not None:
            raise self.error
        fill_response(response, self.body, self.request.request_id, self.answer)

    def fill_item(self, item: pb.PredictResult) -> None:
        """Complete one item of a batch's or stream's response."""
        if self.error is None:
            fill_response(item.response, self.body, self.request.request_id, self.answer)
        else:
            item.error.request_id = self.request.request_id
            item.error.code = self.error.code
            item.error.message = str(self.error)


@dataclass(slots=True)
class Pending:
    """The predictions of one message, under way.

    Args:
        results: One per request; those in `computed` get their answers when `done` is set.
        computed: In the order of `queries`.
        queries: What the micro-batcher was asked.
        job: What waits there; None if nothing had to be computed.
        done: Set once the job is complete; None if there is none.
        generation: Of the answers; taken before they are computed, so never too high.
    """

    results: list[Result] = field(default_factory=list[Result])
    computed: list[Result] = field(default_factory=list[Result])
    queries: list[Query] = field(default_factory=list[Query])
    job: Job | None = None
    done: asyncio.Future[None] | None = None
    generation: int = 0

    def settle(self, _: Job) -> None:
        """Wake whoever waits, if anybody still does."""
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


class Predictions:
    """Answers messages of any number of requests.

    Args:
        holder: Holds the served index, whose version answers are cached for.
        batcher: Computes what the cache does not know.
        cache: Keeps answers for all callers.
        limits: Bounds of a request and of a message.
        max_response_bytes: Answers beyond this are refused, since callers could not receive them.
        generation: Gives the generation of cached answers; see `Generation`.
        outstanding: Remembers what is answered until its true length is reported; None to forget.
    """

    def __init__(
        self,
        holder: IndexHolder,
        batcher: MicroBatcher,
        cache: PredictionCache,
        *,
        limits: RequestLimits,
        max_response_bytes: int,
        generation: Callable[[], int] = lambda: 0,
        outstanding: OutstandingPredictions | None = None,
    ) -> None:
        self._holder = holder
        self._batcher = batcher
        self._cache = cache
        self._limits = limits
        self._max_response_bytes = max_response_bytes
        self._generation = generation
        self._outstanding = outstanding

    async def begin(
        self,
        requests: Sequence[pb.PredictRequest],
        *,
        timeout_s: float | None,
        under_way: int = 0,
    ) -> Pending:
        """Check requests, look them up and queue the rest.

        Args:
            requests: The requests of one message, in its order.
            timeout_s: Until the caller's deadline; None if there is none.
            under_way: Requests of the same call that are not answered yet, these among them; more
                than a few are bulk, however few come in a message.

        Raises:
            NotServingError: No index is loaded yet.
            OverloadedError: The queue is full; nothing was queued.
        """
        arrived_s = time.monotonic()
        pending = Pending(generation=self._generation())
        version = self._holder.current.version
        for i, request in enumerate(requests, 1):
            pending.results.append(self._look_up(request, version, pending))
            if i % SLICE_ITEMS == 0:
                await asyncio.sleep(0)
        if pending.queries:
            pending.done = asyncio.get_running_loop().create_future()
            pending.job = self._batcher.submit(
                pending.queries,
                arrived_s=arrived_s,
                deadline_s=math.inf if timeout_s is None else arrived_s + timeout_s,
                on_done=pending.settle,
                of_bulk=under_way > FEW_PROMPTS,
            )
        return pending

    def _look_up(self, request: pb.PredictRequest, version: str, pending: Pending) -> Result:
        try:
            query = self._limits.query(request)
        except InvalidRequestError as error:
            return Result(request, error=error)
        body = self._cache.get(cache_key(version, query, pending.generation))
        if body is not None:
            return Result(request, body, query=query)
        result = Result(request, query=query)
        pending.computed.append(result)
        pending.queries.append(query)
        return result

    async def finish(self, pending: Pending) -> list[Result]:
        """Wait for the answers; cancelling takes the rest out of the queue."""
        if pending.job is not None and pending.done is not None:
            try:
                await pending.done
            finally:
                self.abandon(pending)
            await self._collect(pending, pending.job)
        self._refuse_oversized(pending.results)
        if self._outstanding is not None:
            await self._remember(self._outstanding, pending.results)
        note_answers(pending.results)
        return pending.results

    async def _remember(self, outstanding: OutstandingPredictions, results: list[Result]) -> None:
        for i, result in enumerate(results, 1):
            if result.query is None or result.error is not None:
                continue
            if result.answer is not None:
                estimate, version = result.answer.estimate, result.answer.batch.version
                levels, tokens = estimate.quantile_levels, estimate.quantile_tokens
                outstanding.computed(result.query, version, levels, tokens)
            elif not outstanding.repeated(result.query):
                version, levels, tokens = predicted_quantiles(result.body)
                outstanding.computed(result.query, version, levels, tokens)
            if i % SLICE_ITEMS == 0:
                await asyncio.sleep(0)

    def abandon(self, pending: Pending) -> None:
        """Drop what nobody waits for any more."""
        if pending.job is not None:
            self._batcher.discard(pending.job)

    async def _collect(self, pending: Pending, job: Job) -> None:
        for i, (result, query, outcome) in enumerate(
            zip(pending.computed, pending.queries, job.outcomes, strict=True), 1
        ):
            if isinstance(outcome, Answer):
                version = outcome.batch.version
                result.answer = outcome
                result.body = serialize_estimate(outcome.estimate, version)
                key = cache_key(version, query, pending.generation)
                self._cache.put(key, result.body)
            else:
                result.error = outcome
            if i % SLICE_ITEMS == 0:
                await asyncio.sleep(0)

    def _refuse_oversized(self, results: list[Result]) -> None:
        room = self._max_response_bytes
        for result in results:
            room -= len(result.body)
            if room < 0 and result.error is None:
                result.error = OverloadedError(
                    f"the answer would exceed {self._max_response_bytes:,} bytes: ask for fewer "
                    "neighbours, without their text, or in smaller batches"
                )
