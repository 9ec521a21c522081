"""The picture of `vllm_jct`."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.vllm.rows import JctRow
from testbed.picture import Curves, draw_completion_times

PANELS = {"the shorter half of the jobs": "short_jct_s", "the longest fifth": "long_jct_s"}
DRAWN_SLOTS = 8


def draw_picture(rows: Sequence[JctRow], path: Path) -> None:
    """Draw the completion times at one number of slots and one load.

    Args:
        rows: Of all policies; the greatest load is drawn, at 8 slots or the nearest to that.
        path: The picture; its ending says the format.
    """
    shown = shown_rows(rows)
    first = shown[0]
    arrivals = first.arrivals.rpartition("/")[2]
    title = f"Inside vLLM: {first.slots} slots, load {first.load:g}, {arrivals} arrivals"
    panels = {what: _curves(shown, field) for what, field in PANELS.items()}
    draw_completion_times(panels, title, path)


def shown_rows(rows: Sequence[JctRow]) -> list[JctRow]:
    """The rows of the greatest load, at 8 slots or the nearest to that.

    Raises:
        ValueError: There is none.
    """
    if not rows:
        raise ValueError("nothing to draw: no run has ended")
    slots = min((row.slots for row in rows), key=lambda n: abs(n - DRAWN_SLOTS))
    load = max(row.load for row in rows if row.slots == slots)
    return [row for row in rows if row.slots == slots and row.load == load]


def _curves(rows: Sequence[JctRow], field: str) -> Curves:
    """Each policy's quantiles, the mean over its seeds."""
    found: dict[str, list[float]] = {}
    for policy in dict.fromkeys(row.policy for row in rows):
        curves: list[list[float]] = [getattr(row, field) for row in rows if row.policy == policy]
        found[policy] = [sum(values) / len(values) for values in zip(*curves, strict=True)]
    return found
