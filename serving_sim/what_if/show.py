"""A what-if as a table for a terminal."""

from rich import box
from rich.table import Table

from serving_sim.what_if.page import WhatIf
from serving_sim.what_if.policy_at_load import Interval

COLUMNS = (
    ("mean", "mean_jct_s"),
    ("p99", "p99_jct_s"),
    ("TTFT", "mean_ttft_s"),
    ("max wait", "max_wait_s"),
    ("short", "short_jct_s"),
    ("long", "long_jct_s"),
)
"""Titles and fields of PolicyAtLoad, all in seconds; more would not fit into 80 characters."""


def policy_table(what_if: WhatIf) -> Table:
    """Means over seeds, in seconds, the mean with its 95 % interval."""
    table = Table(
        title="Seconds; mean with its 95 % interval over seeds",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # so that all columns fit into 80 characters
    )
    table.add_column("load", justify="right")
    table.add_column("policy", no_wrap=True)
    for title, _ in COLUMNS:
        table.add_column(title, justify="right")
    for row in what_if.rows:
        values: list[Interval] = [getattr(row, name) for _, name in COLUMNS]
        mean, *others = values
        half = mean.high - mean.mean
        cells = [f"{mean.mean:.3g} ±{half:.2g}", *(f"{one.mean:.3g}" for one in others)]
        table.add_row(f"{row.load:g}", row.policy, *cells)
    return table
