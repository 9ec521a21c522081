"""What the demo inside vLLM shows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median

from rich import box
from rich.table import Table

from demo.vllm_contest import LOAD, SLOTS, Round
from testbed.picture import Curves, draw_completion_times
from testbed.replay import Outcome


def completion_table(rounds: Sequence[Round]) -> Table:
    """Completion times of each engine, with those of short and long jobs."""
    table = Table(
        title=f"Seconds from arrival to last token: {len(rounds[0].outcomes)} requests, {SLOTS} "
        f"slots, load {LOAD:g}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("")
    for one in rounds:
        table.add_column(one.name, justify="right")
    for what, value in FIGURES.items():
        base_s = value(rounds[0].outcomes)
        cells = [f"{base_s:.2f}"]
        for one in rounds[1:]:
            seconds = value(one.outcomes)
            cells.append(f"{seconds:.2f} ({seconds / base_s - 1:+.0%})")
        table.add_row(what, *cells)
    table.add_row("waited, ordered by a prediction", *(f"{one.predicted}" for one in rounds))
    table.add_row("failed", *(f"{sum(o.failed for o in one.outcomes)}" for one in rounds))
    return table


def draw_rounds(rounds: Sequence[Round], path: Path) -> None:
    """Draw the completion times of short and long jobs apart."""
    parts = {one.name: short_and_long(one.outcomes) for one in rounds}
    panels: dict[str, Curves] = {
        what: {name: sorted(_seconds(pair[i])) for name, pair in parts.items()}
        for i, what in enumerate(("the shorter half of the jobs", "the longest fifth"))
    }
    draw_completion_times(panels, f"Inside vLLM: {SLOTS} slots, load {LOAD:g}", path)


FIGURES: dict[str, Callable[[Sequence[Outcome]], float]] = {
    "mean": lambda outcomes: fmean(_seconds(outcomes)),
    "median": lambda outcomes: median(_seconds(outcomes)),
    "mean of the shorter half": lambda outcomes: fmean(_seconds(short_and_long(outcomes)[0])),
    "mean of the longest fifth": lambda outcomes: fmean(_seconds(short_and_long(outcomes)[1])),
    "longest": lambda outcomes: max(_seconds(outcomes)),
}
"""Rows of the table."""


def short_and_long(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """The shorter half of the jobs by their true length, and the longest fifth."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.request.output_tokens)
    return ordered[: max(1, len(ordered) // 2)], ordered[-max(1, len(ordered) // 5) :]


def _seconds(outcomes: Sequence[Outcome]) -> list[float]:
    return [outcome.completion_s for outcome in outcomes]
