"""A steady stream of predictions, each followed by the report of what came of it."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.harness.template_workload import template_records
from scheduler_client import CompletedRequest, LengthPredictorError, PredictionQuery
from scheduler_client.aio import AsyncLengthPredictorClient

LLM = "an-llm"
DIFFERENT_PROMPTS = 2_000
"""Made beforehand; each is asked with its number added, so that none comes twice."""

REPORT_SIZE = 32
"""Completions that are reported together."""

MAX_EXAMPLES = 5
"""Errors kept in words: the first ones say enough."""


@dataclass(slots=True)
class SoakCounts:
    """What became of it.

    Args:
        predicted: Predictions that were answered.
        reported: Completions that the service acknowledged.
        errors: Calls that ended with an error.
        examples: The first few errors, in words.
        latencies_ms: Of the predictions since this was last emptied.
        most_under_way: The most calls that were under way at one time.
    """

    predicted: int = 0
    reported: int = 0
    errors: int = 0
    examples: list[str] = field(default_factory=list[str])
    latencies_ms: list[float] = field(default_factory=list[float])
    most_under_way: int = 0

    def failed(self, error: LengthPredictorError) -> None:
        """Count an error."""
        self.errors += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"{type(error).__name__}: {error}")


class SoakLoad:
    """Requests that come by chance at a given rate, whether those before are answered or not.

    Args:
        client: One client, whose connection all requests share.
        run: Names the run, so that no completion has the id of another run's.
        seed: Decides when requests arrive and what they ask.
    """

    def __init__(self, client: AsyncLengthPredictorClient, run: str, *, seed: int = 0) -> None:
        self._client = client
        self._run = run
        self._random = random.Random(seed)
        self._completed = template_records(DIFFERENT_PROMPTS, seed=seed)
        self._number = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._finished: list[CompletedRequest] = []
        self.counts = SoakCounts()

    async def at_rate(self, per_s: float, duration_s: float) -> None:
        """Send requests by a Poisson process, then wait for the last answers."""
        due_s = time.monotonic()
        ends_s = due_s + duration_s
        while due_s < ends_s:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            self._begin(self._next())
            due_s += self._random.expovariate(per_s)
        await asyncio.gather(*self._under_way)
        await self._report(self._finished)
        self._finished = []

    async def fill(self, callers: int, requests: int) -> None:
        """Send so many requests in a closed loop."""
        ends = self._number + requests
        await self._closed_loop(callers, lambda: self._number >= ends)

    async def capacity(self, callers: int, duration_s: float) -> float:
        """Predictions and reports per second with so many callers in a closed loop."""
        began_s, before = time.monotonic(), self.counts.predicted
        await self._closed_loop(callers, lambda: time.monotonic() >= began_s + duration_s)
        return (self.counts.predicted - before) / (time.monotonic() - began_s)

    async def _closed_loop(self, callers: int, ended: Callable[[], bool]) -> None:
        """Each caller sends its next request once the one before is answered."""

        async def caller() -> None:
            while not ended():
                await self._serve(self._next())

        await asyncio.gather(*(caller() for _ in range(callers)))

    def _next(self) -> CompletedRequest:
        """The next request as it will end; each prompt is another."""
        number = self._number = self._number + 1
        done = self._completed[number % DIFFERENT_PROMPTS]
        return CompletedRequest(
            f"{self._run}-{number}", done.output_tokens, f"{done.prompt} ({number})", model=LLM
        )

    def _begin(self, request: CompletedRequest) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        self.counts.most_under_way = max(self.counts.most_under_way, len(self._under_way))

    async def _serve(self, request: CompletedRequest) -> None:
        sent_s = time.perf_counter()
        try:
            await self._client.predict(PredictionQuery(request.prompt, model=request.model))
        except LengthPredictorError as error:
            self.counts.failed(error)
            return
        self.counts.latencies_ms.append((time.perf_counter() - sent_s) * 1_000)
        self.counts.predicted += 1
        self._finished.append(request)
        if len(self._finished) >= REPORT_SIZE:
            reported, self._finished = self._finished, []
            await self._report(reported)

    async def _report(self, completions: list[CompletedRequest]) -> None:
        if not completions:
            return
        try:
            receipt = await self._client.report(completions)
        except LengthPredictorError as error:
            self.counts.failed(error)
            return
        self.counts.reported += receipt.stored
