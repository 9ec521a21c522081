"""All that is reproduced, in one go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving_sim.reproduce import alise, ssjf

SMALL_JOBS, SMALL_RUNS = 50, 20
"""As SSJF's authors ran it: requests of a run, and runs."""

LARGE_JOBS, LARGE_RUNS = 5_000, 1
"""A queue long enough that its start and its end do not count."""

QUICK_RUNS, QUICK_JOBS, QUICK_REQUESTS = 2, 200, 200
"""Sizes of --quick: seconds, and figures that mean nothing."""


@dataclass(frozen=True, slots=True)
class Headlines:
    """What came out.

    Args:
        ssjf_small: As published: 50 jobs, 20 runs.
        ssjf_large: The same at 5,000 jobs.
        alise: One row for each set of lengths, variant and rate.
        rate_ratios: Rates at equal latency over that of FCFS.
    """

    ssjf_small: Sequence[ssjf.SsjfRow]
    ssjf_large: Sequence[ssjf.SsjfRow]
    alise: Sequence[alise.AliseRow]
    rate_ratios: Sequence[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "ssjf_small": [row.to_dict() for row in self.ssjf_small],
            "ssjf_large": [row.to_dict() for row in self.ssjf_large],
            "alise": [row.to_dict() for row in self.alise],
            "rate_ratios": list(self.rate_ratios),
        }


def reproduce(
    data: Path, *, quick: bool = False, on_progress: Callable[[int], None] | None = None
) -> Headlines:
    """Compute all of it.

    Args:
        data: Folder of the public data sets.
        quick: Small sizes: does it run at all?
        on_progress: Called with the number of requests simulated since the last call.
    """
    small = _ssjf(data, SMALL_JOBS, QUICK_RUNS if quick else SMALL_RUNS, on_progress)
    large_jobs, large_runs = (QUICK_JOBS, 1) if quick else (LARGE_JOBS, LARGE_RUNS)
    large = _ssjf(data, large_jobs, large_runs, on_progress)
    points = [
        row
        for name in alise.SETS
        for row in alise.curves(
            data,
            name,
            requests=QUICK_REQUESTS if quick else alise.REQUESTS[name],
            seeds=1 if quick else 2,
            on_progress=on_progress,
        )
    ]
    return Headlines(small, large, points, [dict(row) for row in alise.rate_ratios(points)])


def requests_in_all(*, quick: bool = False) -> int:
    """Requests that `reproduce` simulates, about."""
    scenarios = 2 * len(ssjf.TRACES) + 6
    runs = QUICK_RUNS if quick else SMALL_RUNS
    large = QUICK_JOBS if quick else LARGE_JOBS * LARGE_RUNS
    per_policy = SMALL_JOBS * runs + large
    queues = scenarios * len(ssjf.ENGINES) * (len(ssjf.PREDICTORS) + 2) * per_policy
    sizes = [QUICK_REQUESTS if quick else 2 * alise.REQUESTS[name] for name in alise.SETS]
    return queues + sum(sizes) * len(alise.LOADS) * 11


def _ssjf(
    data: Path, jobs: int, runs: int, on_progress: Callable[[int], None] | None
) -> list[ssjf.SsjfRow]:
    predicted = ssjf.workloads(data)
    return [
        row
        for batching in ssjf.ENGINES
        for scenario in ssjf.scenarios(data)
        for row in ssjf.compare(
            predicted, scenario, batching, jobs=jobs, runs=runs, on_progress=on_progress
        )
    ]
