"""The headlines as tables for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from serving_sim.engine.engine import Batching
from serving_sim.reproduce.alise import LIMITS_S
from serving_sim.reproduce.headlines import Headlines
from serving_sim.reproduce.ssjf import ENGINES, SsjfRow


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
            *(row.arrivals, row.policy, f"{-one.jct_reduction:+.1%}"),
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
