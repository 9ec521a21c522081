"""All that is reproduced, in one go, and shown as tables on a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from serving_sim.engine.engine import Batching
from serving_sim.reproduce import alise, ssjf
from serving_sim.reproduce.alise import LIMITS_S
from serving_sim.reproduce.ssjf import ENGINES, SsjfRow

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


def tables(headlines: Headlines) -> list[Table]:
    """One for each size of SSJF's runs, one for ALISE's rates."""
    sizes = (headlines.ssjf_small, headlines.ssjf_large)
    return [
        *(_ssjf_table(batching, rows) for rows in sizes for batching in ENGINES),
        _rates_table(headlines),
    ]


def _ssjf_table(batching: Batching, rows: Sequence[SsjfRow]) -> Table:
    size = f"{rows[0].jobs:,} jobs, {rows[0].runs} runs"
    shown = _table(f"SSJF, {batching} batching, {size}, against FCFS", ("arrivals", "policy"))
    for name in ("mean JCT", "through-put", "p99", "longest wait"):
        shown.add_column(name, justify="right")
    for row in rows:
        if row.batching != batching:
            continue
        one = row.comparison
        ratios = (one.throughput_ratio, one.p99_ratio, one.max_wait_ratio)
        shown.add_row(
            row.arrivals,
            row.policy,
            f"{-one.jct_reduction:+.1%}",
            *(f"x{ratio:.2f}" for ratio in ratios),
        )
    return shown


def _rates_table(headlines: Headlines) -> Table:
    shown = _table("ALISE: rate at equal normalised latency, over FCFS's", ("lengths", "policy"))
    for limit_s in LIMITS_S:
        shown.add_column(f"{limit_s:g} s/token", justify="right")
    for row in headlines.rate_ratios:
        ratios = (row[f"at_{limit_s:g}"] for limit_s in LIMITS_S)
        cells = ("-" if ratio is None else f"x{ratio:.2f}" for ratio in ratios)
        shown.add_row(row["lengths"], row["variant"], *cells)
    return shown


def _table(title: str, names: Sequence[str]) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        shown.add_column(name)
    return shown
