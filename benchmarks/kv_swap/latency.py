"""Completion times and rates at equal latency, by order and by what becomes of the preempted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.harness.table import Column, Row, Table
from benchmarks.kv_swap.orders import OrderName, order_of
from benchmarks.kv_swap.setting import (
    KINDS,
    Kind,
    Setting,
    Times,
    as_modelled,
    engine_options,
    fast_model,
)
from testbed.in_engine.modelled_engine import Served, modelled_engine

RATE_PER_S = 4.2
"""1.25 of what the engine serves of ShareGPT's when it is saturated, first come first served."""

REQUESTS = 300

RATE_REQUESTS = {"ShareGPT": 300, "Alpaca": 3_000}

LIMITS_S = (0.05, 0.1)
"""Normalised latencies (completion time over output tokens) at which rates are compared.

Some two and four times what a request takes alone: at both, first come first served is past what it
serves when saturated, and a queue grows for as long as the run lasts.
"""


@dataclass(frozen=True, slots=True)
class Way:
    """An order, and what becomes of the preempted."""

    order: OrderName
    kind: Kind

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.order}, {self.kind}"


WAYS = (
    Way("FCFS", "recompute"),
    Way("FCFS", "16 bits"),
    Way("SRPT", "recompute"),
    Way("guarded", "recompute"),
    Way("SRPT", "16 bits"),
    Way("guarded", "16 bits"),
    Way("SRPT", "8 bits"),
    Way("guarded", "8 bits"),
)
STOCK = Way("FCFS", "recompute")
FEW_WAYS = (Way("SRPT", "8 bits"), Way("guarded", "8 bits"))

RATES_PER_S = {
    "ShareGPT": {
        STOCK: (3.8, 4.2, 5.1),
        Way("SRPT", "8 bits"): (12.0,),
        Way("guarded", "8 bits"): (5.1, 6.8, 8.4),
    },
    "Alpaca": {
        STOCK: (90.0, 100.0),
        Way("SRPT", "8 bits"): (110.0, 140.0, 230.0),
        Way("guarded", "8 bits"): (100.0, 140.0, 180.0),
    },
}
"""Around where each way crosses the limits; what stays within them up to the last serves more."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run."""

    way: Way
    rate_per_s: float
    times: Times
    served: Served


def run(
    setting: Setting,
    lengths: str,
    count: int,
    *,
    rates: Sequence[float],
    ways: Sequence[Way],
    seed: int,
) -> Iterator[Point]:
    """Every way at every rate, on the same requests; an engine is started once for each kind."""
    wanted = {way.kind for way in ways}
    for kind in filter(wanted.__contains__, KINDS):
        with modelled_engine(fast_model(), engine_options(kind)) as engine:
            for rate in rates:
                drawn = setting.requests(lengths, count, rate, seed)
                requests = as_modelled(drawn, seed)
                for way in (way for way in ways if way.kind == kind):
                    served = engine.serve(requests, order_of(way.order, drawn))
                    yield Point(way, rate, Times.from_run(served.completed_s, drawn), served)


def completion_times(setting: Setting, seed: int = 0) -> Table:
    """At one rate."""
    count = setting.count(REQUESTS)
    points = list(run(setting, "ShareGPT", count, rates=[RATE_PER_S], ways=WAYS, seed=seed))
    by_way = {point.way: point for point in points}
    fcfs = by_way[WAYS[0]].times
    rows: list[Row] = []
    for way in WAYS:
        point, recompute = by_way[way], by_way[Way(way.order, "recompute")].times
        rows.append(
            {
                "way": way.name,
                "mean_s": point.times.mean_s,
                "p99_s": point.times.p99_s,
                "mean_ratio": point.times.mean_s / recompute.mean_s,
                "p99_ratio": point.times.p99_s / recompute.p99_s,
                "p99_fcfs": point.times.p99_s / fcfs.p99_s,
                "preemptions": point.served.counts["preemptions"],
                "again": point.served.computed_again,
            }
        )
    columns = (
        Column("way", "order, preempted"),
        Column("mean_s", "mean s", "{:.1f}"),
        Column("p99_s", "p99 s", "{:.1f}"),
        Column("mean_ratio", "mean, of its recompute", "{:.2f}"),
        Column("p99_ratio", "p99, of its recompute", "{:.2f}"),
        Column("p99_fcfs", "p99, of FCFS", "{:.2f}"),
        Column("preemptions", "preemptions"),
        Column("again", "computed again", "{:,}"),
    )
    title = f"Completion of {count} ShareGPT requests at {RATE_PER_S}/s"
    return Table("completion", title, columns, rows)


def equal_latency(setting: Setting, lengths: str, seed: int = 0) -> Table:
    """The rate served within a latency, over that of stock FCFS."""
    count = setting.count(RATE_REQUESTS[lengths])
    points = [
        point
        for way, rates in RATES_PER_S[lengths].items()
        for point in run(setting, lengths, count, rates=rates, ways=[way], seed=seed)
    ]
    rows: list[Row] = []
    for limit_s in LIMITS_S:
        base, base_crosses = _rate_within(points, STOCK, limit_s)
        row: Row = {"limit_s": limit_s, "fcfs": base if base_crosses else None}
        for way in FEW_WAYS:
            rate, crosses = _rate_within(points, way, limit_s)
            ratio = f"{'' if crosses else '≥ '}{rate / base:.2f}" if base_crosses else None
            row[way.name] = ratio
        rows.append(row)
    columns = (
        Column("limit_s", "latency s/token", "{:.2f}"),
        Column("fcfs", f"{STOCK.name}: requests/s", "{:.2f}"),
        *(Column(way.name, f"{way.name}: ratio") for way in FEW_WAYS),
    )
    title = f"Rate at equal normalised latency, {count:,} {lengths} requests"
    notes = [_curve(points, way) for way in (STOCK, *FEW_WAYS)]
    return Table(f"equal_latency_{lengths.lower()}", title, columns, rows, notes=notes)


def _curve(points: Sequence[Point], way: Way) -> str:
    """All that was run of a way, in words."""
    curve = sorted((p.rate_per_s, p.times.s_per_token) for p in points if p.way == way)
    told = ", ".join(f"{latency_s:.3f} at {rate:g}/s" for rate, latency_s in curve)
    return f"{way.name}, s/token: {told}."


def _rate_within(points: Sequence[Point], way: Way, limit_s: float) -> tuple[float, bool]:
    """Where the curve of a way crosses a latency, and whether it does among the rates run.

    Where it does not, the highest rate that was run within the latency; 0 if none was.
    """
    curve = sorted((p.rate_per_s, p.times.s_per_token) for p in points if p.way == way)
    rates, latencies = np.array(curve).T
    above = np.flatnonzero(latencies > limit_s)
    if len(above) == 0:
        return float(rates[-1]), False
    here = int(above[0])
    if here == 0:
        return 0.0, False
    crossing = np.interp(limit_s, latencies[here - 1 : here + 1], rates[here - 1 : here + 1])
    return float(crossing), True
