"""What the commands print for people, and write for programs.

Bars go to the error stream, so that output stays clean.
"""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from serving_sim.narrow_table import narrow_table
from serving_sim.result import Summary

out = Console()
err = Console(stderr=True)


def write_json(path: Path, content: Any) -> None:
    """Write results for programs, a value a line."""
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


@contextmanager
def progress_bar(title: str, total: int) -> Generator[Callable[[int], None]]:
    """A bar; what it yields is called with the number served since the last call."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bars:
        task = bars.add_task(title, total=total)
        yield lambda more: bars.advance(task, more)
        bars.update(task, completed=total)


COLUMNS = (
    ("mean", "mean_jct_s"),
    ("p50", "p50_jct_s"),
    ("p90", "p90_jct_s"),
    ("p99", "p99_jct_s"),
    ("TTFT", "mean_ttft_s"),
    ("max wait", "max_wait_s"),
)
"""Titles and fields of Summary, all in seconds; more would not fit into 80 characters."""


def summary_table(rows: Sequence[Summary]) -> Table:
    """Policies by load: completion times in seconds, and against the first policy's.

    Seeds are averaged.
    """
    table = narrow_table(
        f"{rows[0].batching}, {rows[0].slots} slots, {rows[0].requests:,} requests; seconds"
    )
    table.add_column("load", justify="right")
    table.add_column("policy", no_wrap=True)
    for title, _ in COLUMNS:
        table.add_column(title, justify="right")
    table.add_column("gain", justify="right")
    table.add_column("tok/s", justify="right")
    for load in dict.fromkeys(row.load for row in rows):
        at_load = [row for row in rows if row.load == load]
        first = _mean(at_load, at_load[0].policy, "mean_jct_s")
        for policy in dict.fromkeys(row.policy for row in at_load):
            cells = [_seconds(_mean(at_load, policy, name)) for _, name in COLUMNS]
            gain = 1 - _mean(at_load, policy, "mean_jct_s") / first
            tokens_per_s = _mean(at_load, policy, "tokens_per_s")
            shown_load = "-" if load is None else f"{load:g}"
            table.add_row(shown_load, policy, *cells, f"{gain:.0%}", f"{tokens_per_s:,.0f}")
    return table


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _mean(rows: Sequence[Summary], policy: str, name: str) -> float:
    return float(np.mean([getattr(row, name) for row in rows if row.policy == policy]))
