"""Fewer instances than are wanted: what lending all of them to batch requests changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.autoscaler.frontier import COLUMNS, frontier
from benchmarks.autoscaler.scenarios import CONV
from benchmarks.harness.table import Column, Row, Table

LENT: Mapping[str, Sequence[str]] = {
    "Chiron": [f"chiron:{n}" for n in (0.7, 0.5, 0.33)],
    "+ guarded order": [f"lengthwise:{n}" for n in (1, 0.85, 0.7, 0.55)],
    "+ all lent": [f"lending:{n}" for n in (1, 0.85, 0.7, 0.55)],
}


def lending_table(
    data: Path, count: int, seeds: Sequence[int], quotas: Sequence[int | None]
) -> Table:
    """Chiron and our decision, with the headroom lent and with all lent."""
    rows: list[Row] = []
    for quota in quotas:
        points = frontier(CONV, data, count=count, seeds=seeds, sweeps=LENT, quota=quota)
        rows += [{"quota": quota, **point.to_row()} for point in points]
    return Table(
        "lending",
        "Headroom lent to batch requests, and all but two instances",
        (Column("quota", "at most"), *COLUMNS),
        rows,
        ("Instances of all pools together at most; empty: as many as are asked for.",),
    )
