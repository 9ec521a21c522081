"""What the demo prints, and what an order of jobs does to their completion times."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from rich import box
from rich.table import Table
from rich.text import Text

from lengthwise.index.record import HistoryRecord
from scheduler_client import Prediction


@dataclass(frozen=True, slots=True)
class CompletionTimes:
    """Job completion times of one schedule, in seconds from when all were waiting."""

    mean_s: float
    median_s: float
    longest_s: float


def completion_times(
    durations_s: Sequence[float], order: Sequence[int], slots: int
) -> CompletionTimes:
    """Run jobs in an order on some slots: a free slot takes the next job.

    Args:
        durations_s: How long each job runs, in seconds.
        order: Indices of jobs, first to run first.
        slots: Jobs that run at once, at least 1.
    """
    free_at = [0.0] * slots
    completed: list[float] = []
    for job in order:
        end = heapq.heappop(free_at) + durations_s[job]
        heapq.heappush(free_at, end)
        completed.append(end)
    completed.sort()
    return CompletionTimes(fmean(completed), completed[len(completed) // 2], completed[-1])


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def predictions_table(records: Sequence[HistoryRecord], predictions: Sequence[Prediction]) -> Table:
    """Predicted against true lengths, with what each prediction rests on."""
    table = Table(
        title="Predicted length of answers to prompts that the index has not seen, in tokens",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=True,
    )
    table.add_column("prompt, and the nearest past one", ratio=1, no_wrap=True, overflow="ellipsis")
    for name in ("predicted", "90 % interval", "confidence", "true"):
        table.add_column(name, justify="right", no_wrap=True)
    for record, prediction in zip(records, predictions, strict=True):
        low, high = prediction.quantile(0.05), prediction.quantile(0.95)
        inside = low <= record.output_tokens <= high
        nearest = prediction.neighbours[0].text if prediction.neighbours else ""
        table.add_row(
            Text.assemble(one_line(record.prompt), "\n", (f"≈ {one_line(nearest)}", "dim")),
            f"{prediction.p50_tokens:,.0f}",
            f"{low:,.0f} - {high:,.0f}",
            f"{prediction.confidence:.0%}",
            Text(f"{record.output_tokens:,}", style="" if inside else "bold yellow"),
        )
    return table


def schedules_table(schedules: dict[str, CompletionTimes], jobs: int, slots: int) -> Table:
    """Completion times under several orders, against the first."""
    table = Table(
        title=f"Completion times of {jobs} such prompts, all waiting at once for {slots} slots",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("order")
    for name in ("mean", "against FCFS", "median", "longest"):
        table.add_column(name, justify="right")
    base = next(iter(schedules.values())).mean_s
    for name, times in schedules.items():
        table.add_row(
            name,
            f"{times.mean_s:,.1f} s",
            f"{times.mean_s / base - 1:+.1%}" if times.mean_s != base else "",
            f"{times.median_s:,.1f} s",
            f"{times.longest_s:,.1f} s",
        )
    return table
