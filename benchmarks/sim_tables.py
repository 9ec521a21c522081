"""The tables of `sim_reproduce`."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.table import Column, Row, Table
from serving_sim.engine.engine import Batching
from serving_sim.reproduce.alise import LIMITS_S, AliseRow
from serving_sim.reproduce.ssjf import BATCH, SsjfRow

PUBLISHED = "Published: mean completion time -30.5 to -39.6 %, throughput 2.2 to 3.6 times."
ABLATION_LOAD = 1.25


def ssjf_table(rows: Sequence[SsjfRow], batching: Batching) -> Table:
    """A line for each kind of arrivals: gains by predictor, and what they cost."""
    found: list[Row] = []
    of_mode = [row for row in rows if row.batching == batching]
    for arrivals in dict.fromkeys(row.arrivals for row in of_mode):
        by_policy = {row.policy: row.comparison for row in of_mode if row.arrivals == arrivals}
        five = by_policy["SSJF 5 classes"]
        found.append(
            {
                "arrivals": arrivals,
                "three": -by_policy["SSJF 3 classes"].jct_reduction,
                "five": -five.jct_reduction,
                "sem": five.jct_reduction_sem,
                "oracle": -by_policy["SSJF oracle"].jct_reduction,
                "throughput": five.throughput_ratio,
                "p99": five.p99_ratio,
                "wait": five.max_wait_ratio,
            }
        )
    batch = "" if batching == "none" else f", batches of {BATCH}"
    return Table(
        f"ssjf_{batching}",
        f"SSJF against FCFS, batching: {batching}{batch}, {rows[0].jobs} jobs, {rows[0].runs} runs",
        (
            Column("arrivals", "arrivals"),
            Column("three", "mean JCT, 3 classes", "{:+.1%}"),
            Column("five", "5 classes", "{:+.1%}"),
            Column("sem", "standard error", "{:.1%}"),
            Column("oracle", "oracle", "{:+.1%}"),
            Column("throughput", "throughput, 5 classes", "x{:.2f}"),
            Column("p99", "p99", "x{:.2f}"),
            Column("wait", "longest wait", "x{:.2f}"),
        ),
        found,
        (PUBLISHED,),
    )


def ssjf_large_table(rows: Sequence[SsjfRow]) -> Table:
    """What is left of it with many jobs, with and without the starvation rule."""
    found: list[Row] = []
    for batching, arrivals in dict.fromkeys((row.batching, row.arrivals) for row in rows):
        by_policy = {
            row.policy: row.comparison
            for row in rows
            if (row.batching, row.arrivals) == (batching, arrivals)
        }
        five, plain = by_policy["SSJF 5 classes"], by_policy["5 classes, no rule"]
        found.append(
            {
                "setting": f"{batching}, {arrivals}",
                "five": -five.jct_reduction,
                "five_p99": five.p99_ratio,
                "five_wait": five.max_wait_ratio,
                "plain": -plain.jct_reduction,
                "throughput": plain.throughput_ratio,
                "p99": plain.p99_ratio,
                "wait": plain.max_wait_ratio,
            }
        )
    return Table(
        "ssjf_large",
        f"SSJF with 5 classes against FCFS at {rows[0].jobs:,} jobs, runs of each: {rows[0].runs}",
        (
            Column("setting", "batching, arrivals"),
            Column("five", "mean JCT", "{:+.1%}"),
            Column("five_p99", "p99", "x{:.2f}"),
            Column("five_wait", "longest wait", "x{:.2f}"),
            Column("plain", "without the starvation rule: mean JCT", "{:+.1%}"),
            Column("throughput", "throughput", "x{:.2f}"),
            Column("p99", "p99", "x{:.2f}"),
            Column("wait", "longest wait", "x{:.2f}"),
        ),
        found,
    )


def rates_table(ratios: Sequence[Mapping[str, Any]]) -> Table:
    """Rates at equal latency."""
    return Table(
        "alise_rates",
        "Rate at equal normalised latency, over that of FCFS",
        (
            Column("lengths", "lengths"),
            Column("variant", "policy"),
            *(Column(f"at_{limit:g}", f"{limit:g} s/token", "x{:.2f}") for limit in LIMITS_S),
        ),
        [dict(row) for row in ratios],
        (
            "Published for ALISE: 1.8 times on Alpaca, 2.1 times on ShareGPT. A dash: the limit is "
            "not reached at the highest rate tried.",
        ),
    )


def ablation_table(rows: Sequence[AliseRow]) -> Table:
    """ALISE without each of its parts, at one load."""
    return Table(
        "alise_ablation",
        f"At {ABLATION_LOAD:g} times what FCFS serves when saturated",
        _POINT_COLUMNS,
        [_point(row) for row in rows if row.load == ABLATION_LOAD],
    )


def curve_table(rows: Sequence[AliseRow]) -> Table:
    """Every point of the curves."""
    return Table(
        "alise_curves",
        "Normalised latency by rate",
        (Column("load", "load", "{:g}"), Column("rate", "requests/s", "{:.2f}"), *_POINT_COLUMNS),
        [_point(row) for row in rows],
        detail=True,
    )


_POINT_COLUMNS = (
    Column("lengths", "lengths"),
    Column("variant", "policy"),
    Column("s_per_token", "s/token", "{:.3f}"),
    Column("mean", "mean JCT, s", "{:.1f}"),
    Column("p99", "p99, s", "{:.1f}"),
    Column("wait", "longest wait, s", "{:.1f}"),
    Column("tokens", "tokens/s", "{:,.0f}"),
    Column("preemptions", "preemptions a request", "{:.2f}"),
)


def _point(row: AliseRow) -> Row:
    return {
        "load": row.load,
        "rate": row.rate_per_s,
        "lengths": row.lengths,
        "variant": row.variant,
        "s_per_token": row.s_per_token,
        "mean": row.mean_jct_s,
        "p99": row.p99_jct_s,
        "wait": row.max_wait_s,
        "tokens": row.tokens_per_s,
        "preemptions": row.preemptions,
    }
