"""Finished requests, a clock that the test turns, and a predictor that the test scripts."""

import asyncio
from collections.abc import Callable
from typing import Any

from lengthwise.prediction import Prediction, Timing
from lengthwise.request import CompletedRequest, PredictionQuery, ReportReceipt
from scheduler_client.advisor.request import FinishedRequest
from scheduler_client.advisor.settings import AdvisorSettings

SLACK_S = 0.5
"""What a machine under load may take on top of a deadline."""


class TurnedClock:
    """Stands still until the test turns it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def finished(output_tokens: int = 20, **options: Any) -> FinishedRequest:
    options = {
        "input_tokens": 5,
        "finish_reason": "stop",
        "queued_s": 0.1,
        "prefill_s": 0.01,
        "decode_s": 0.2,
    } | options
    return FinishedRequest(output_tokens, **options)


def settings(target: str = "127.0.0.1:1", **options: Any) -> AdvisorSettings:
    return AdvisorSettings(target, **{"report_interval_s": 0.01, **options})


def query(prompt: str = "hello") -> PredictionQuery:
    return PredictionQuery(prompt, model="llm", neighbour_count=0)


def completion(request_id: str = "r", output_tokens: int = 20, **options: Any) -> CompletedRequest:
    return CompletedRequest(request_id, output_tokens, **{"prompt": "hello", **options})


def prediction(tokens: float = 50.0) -> Prediction:
    return Prediction(
        request_id="",
        expected_tokens=tokens,
        quantile_levels=(0.25, 0.5, 0.75),
        quantile_tokens=(tokens / 2, tokens, 2 * tokens),
        confidence=0.5,
        basis="neighbours",
        nearness=0.9,
        neighbours=(),
        model_known=True,
        index_version="v1",
        timing=Timing(0, 0, 0, 1),
    )


class ScriptedClient:
    """Predicts as many tokens as a prompt has characters, unless the test says otherwise.

    `fault`: raised by every call. `hold`: calls wait while it is cleared.
    """

    def __init__(self) -> None:
        self.fault: BaseException | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.queries: list[PredictionQuery] = []
        self.batches: list[list[str]] = []
        self.streams = 0
        self.outcome: Callable[[str], Any] = lambda prompt: prediction(float(len(prompt)))
        self.reported: list[Any] = []
        self.closed = False

    async def predict_batches(self, batches, *, max_in_flight):
        self.streams += 1
        async for batch in batches:
            self.queries += batch
            self.batches.append([one.prompt for one in batch])
            await self.hold.wait()
            if self.fault is not None:
                raise self.fault
            yield [self.outcome(one.prompt) for one in batch]

    async def report(self, completions, *, timeout_s):
        if self.fault is not None:
            raise self.fault
        self.reported += completions
        return ReportReceipt(len(self.reported), 0)

    async def info(self, *, timeout_s):
        raise ConnectionError("this one says nothing of itself")

    async def close(self):
        self.closed = True


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail after twenty seconds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the conditions are other people's state
            await asyncio.sleep(0.001)
