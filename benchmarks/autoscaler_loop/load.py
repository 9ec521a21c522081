"""What is asked, and when: a trace's gaps and lengths, bent to a day of some minutes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.autoscaler.scenarios import warped
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.requests import FloatArray
from serving_sim.workload.workload import ArrivalProcess, gamma_arrivals, trace_arrivals
from testbed.workload import Request

TRACE = "trace_azure2023_conv.csv.gz"

RATE_PER_S = 2.0
"""By day, on average; one engine serves about 1.7 within the SLO."""

SWING = 0.7
"""Of the rate: from a third of the mean to five thirds and back, so that one engine is enough at
first and three are needed in the middle."""

NIGHT = 0.2
"""Share of the time at the end in which the rate stays at its lowest, so that engines that are no
longer needed are taken away while others go on."""

SHORTER = 3
"""Answers are a third as long as the trace's, so that they end within seconds as the day passes."""

LEAST_TOKENS = 8
"""Of an answer: of a shorter one the mean time between tokens is that of a few steps."""

MADE_CV, MADE_MEAN_TOKENS, MADE_SIGMA = 2.0, 55.0, 0.7
"""Without the trace: coefficient of variation of the gaps; median and spread (of the logarithm) of
log-normal lengths."""


def requests_of(minutes: float, seed: int, data: Path | None) -> list[Request]:
    """Requests in the order of their arrival.

    Args:
        minutes: How long the day is.
        seed: Of the place in the trace, or of what is made.
        data: Folder of the trace; None makes gaps and lengths up.
    """
    chance = np.random.default_rng(seed)
    day_s, night_s = 60 * minutes * (1 - NIGHT), 60 * minutes * NIGHT
    by_day, by_night = round(day_s * RATE_PER_S), round(night_s * RATE_PER_S * (1 - SWING))
    count = by_day + by_night
    arrivals, tokens = _made(count, chance) if data is None else _traced(count, chance, data)
    day = _within(day_s, warped(arrivals, SWING, burst=1.0)(RATE_PER_S, by_day, chance))
    night = _within(night_s, arrivals(RATE_PER_S, by_night + 1, chance))
    times_s = np.concatenate([day, day_s + night[1:]])
    return [
        Request(f"Question {number}: what is the answer?", max(LEAST_TOKENS, length), float(at_s))
        for number, (length, at_s) in enumerate(zip(tokens, times_s, strict=True))
    ]


def mean_tokens(requests: Sequence[Request]) -> float:
    """Of the answers."""
    return sum(request.output_tokens for request in requests) / len(requests)


def _within(seconds: float, times_s: FloatArray) -> FloatArray:
    """The same proportions: a stretch of the trace may be denser than all of it."""
    return times_s * (seconds / times_s[-1])


def _traced(
    count: int, chance: np.random.Generator, data: Path
) -> tuple[ArrivalProcess, list[int]]:
    table = LengthTable.from_file(data / TRACE)
    assert table.timestamp_s is not None, f"{TRACE} has no times"  # noqa: S101  it is a trace
    drawn = chance.choice(table.output_tokens, count)
    return trace_arrivals(table.timestamp_s), [int(length) // SHORTER for length in drawn]


def _made(count: int, chance: np.random.Generator) -> tuple[ArrivalProcess, list[int]]:
    drawn = chance.lognormal(np.log(MADE_MEAN_TOKENS), MADE_SIGMA, count)
    return gamma_arrivals(MADE_CV), [min(400, int(length)) for length in drawn]
