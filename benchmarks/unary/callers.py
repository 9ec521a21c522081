"""Asks one prompt at a time, in a process of its own.

`python -m benchmarks.unary.callers TARGET PID` answers jobs with results; PID is the service's. The
client is that of the checkout that the process runs from.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.harness.children import answer_lines
from benchmarks.harness.processes import cpu_seconds
from benchmarks.harness.spread import percentile
from scheduler_client import AsyncLengthPredictorClient, Prediction

WARM_UP_CALLS = 10
"""Before the clock starts."""

PROMPT = "What is there to see in town number {}, and how long does it take to see all of it?"
"""Of a usual length; each number is asked once, so that none is computed for two."""

Ask = Callable[[str], Awaitable[Prediction]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One measured pass.

    Args:
        callers: Tasks that ask at the same time, each its next prompt once it has its answer.
        calls: Asked in all.
        coalesced: Whether calls that come together go as one message.
        first: Number of the first prompt.
    """

    callers: int
    calls: int
    coalesced: bool
    first: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answered:
    """How it went.

    Args:
        wall_s: From the first call to the last answer.
        cpu_s: CPU time of the asking process.
        service_cpu_s: CPU time of the service.
        latencies_ms: Of each call.
    """

    wall_s: float
    cpu_s: float
    service_cpu_s: float
    latencies_ms: list[float]

    @classmethod
    def together(cls, slices: Sequence["Answered"]) -> "Answered":
        """Several passes as one."""
        return cls(
            sum(one.wall_s for one in slices),
            sum(one.cpu_s for one in slices),
            sum(one.service_cpu_s for one in slices),
            [ms for one in slices for ms in one.latencies_ms],
        )

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.latencies_ms) / self.wall_s

    @property
    def p50_ms(self) -> float:
        """Median time of a call."""
        return percentile(self.latencies_ms, 0.5)

    @property
    def service_us(self) -> float:
        """CPU time of the service for a call, in microseconds."""
        return 1e6 * self.service_cpu_s / len(self.latencies_ms)

    @property
    def client_us(self) -> float:
        """CPU time of the asking process for a call, in microseconds."""
        return 1e6 * self.cpu_s / len(self.latencies_ms)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


async def run(target: str, service: int, asked: Asked) -> Answered:
    """Ask it all."""
    async with AsyncLengthPredictorClient(target, timeout_s=60) as client:
        if not asked.coalesced:
            return await _timed(client.predict, service, asked)
        from scheduler_client import CoalescingPredictor  # noqa: PLC0415  a baseline has none

        async with CoalescingPredictor(client) as predictor:
            return await _timed(predictor.predict, service, asked)


async def _timed(predict: Ask, service: int, asked: Asked) -> Answered:
    latencies_ms: list[float] = []
    for number in range(WARM_UP_CALLS):
        await predict(PROMPT.format(f"{asked.first}-{number}"))
    numbers = iter(range(asked.first, asked.first + asked.calls))

    async def caller() -> None:
        for number in numbers:
            sent_s = time.perf_counter()
            await predict(PROMPT.format(number))
            latencies_ms.append((time.perf_counter() - sent_s) * 1_000)

    started_s, started_cpu_s, before_s = (
        time.perf_counter(),
        time.process_time(),
        cpu_seconds(service),
    )
    await asyncio.gather(*(caller() for _ in range(asked.callers)))
    return Answered(
        time.perf_counter() - started_s,
        time.process_time() - started_cpu_s,
        cpu_seconds(service) - before_s,
        latencies_ms,
    )


def main() -> None:
    """Answer jobs with results."""
    target, service = sys.argv[1], int(sys.argv[2])
    answer_lines(lambda job: asyncio.run(run(target, service, Asked(**job))).to_dict())


if __name__ == "__main__":
    main()
