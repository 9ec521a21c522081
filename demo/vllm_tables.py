"""What the demo inside vLLM shows."""

from collections.abc import Sequence
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
    table.add_column("order")
    names = ("mean", "against FCFS", "median", "shorter half", "longest fifth", "longest")
    for name in (*names, "predicted", "failed"):
        table.add_column(name, justify="right")
    base_s = fmean(_seconds(rounds[0].outcomes))
    for one in rounds:
        seconds = _seconds(one.outcomes)
        short, long = (_seconds(part) for part in short_and_long(one.outcomes))
        table.add_row(
            one.name,
            f"{fmean(seconds):.2f}",
            f"{fmean(seconds) / base_s - 1:+.0%}" if one is not rounds[0] else "",
            f"{median(seconds):.2f}",
            f"{fmean(short):.2f}",
            f"{fmean(long):.2f}",
            f"{max(seconds):.2f}",
            f"{one.predicted}",
            f"{sum(outcome.failed for outcome in one.outcomes)}",
        )
    return table


def draw_rounds(rounds: Sequence[Round], path: Path) -> None:
    """Draw the completion times of short and long jobs apart."""
    parts = {one.name: short_and_long(one.outcomes) for one in rounds}
    panels: dict[str, Curves] = {
        what: {name: sorted(_seconds(pair[i])) for name, pair in parts.items()}
        for i, what in enumerate(("the shorter half of the jobs", "the longest fifth"))
    }
    draw_completion_times(panels, f"Inside vLLM: {SLOTS} slots, load {LOAD:g}", path)


def short_and_long(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """The shorter half of the jobs by their true length, and the longest fifth."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.request.output_tokens)
    return ordered[: max(1, len(ordered) // 2)], ordered[-max(1, len(ordered) // 5) :]


def _seconds(outcomes: Sequence[Outcome]) -> list[float]:
    return [outcome.completion_s for outcome in outcomes]
