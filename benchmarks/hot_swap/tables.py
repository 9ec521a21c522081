"""What the benchmark of swaps measures, and its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.hot_swap.load import LoadNotes


@dataclass(slots=True)
class SwapFindings:
    """What was measured.

    Args:
        calm: What callers saw without swapping, by round.
        swapping: What they saw meanwhile, by round.
        swap_s: How long each swap took, in seconds.
        resident_mib: The service's memory before the first swap and after each.
        peak_mib: The most it ever was.
    """

    calm: list[LoadNotes] = field(default_factory=list[LoadNotes])
    swapping: list[LoadNotes] = field(default_factory=list[LoadNotes])
    swap_s: list[float] = field(default_factory=list[float])
    resident_mib: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0

    @property
    def rounds(self) -> list[LoadNotes]:
        """All that callers saw."""
        return [*self.calm, *self.swapping]

    @property
    def grown_mib(self) -> float:
        """Memory after the last swaps over that after the first, a tenth of them each, in MiB.

        Versions differ in size, so single values do not compare.
        """
        count = max(3, len(self.swap_s) // 10 // 3 * 3)
        after = self.resident_mib[1:]
        return sum(after[-count:]) / count - sum(after[:count]) / count


def hot_swap_report(command: str, callers: int, found: SwapFindings) -> Report:
    """What was found."""
    tables = [_load_table(found), _swap_table(found), aims_table(_aims(found))]
    notes = [
        f"The real service at a Unix socket, {callers} callers in a closed loop from one process "
        "on the same cores, no cache. Three small versions in turns, each told by IndexAdmin as "
        "soon as the one before was served: while it swaps, it is always loading.",
        "Every answer is held against its version: its neighbours must be rows of it with their "
        "lengths, its mean within a quarter of what the version answers to the prompt by itself "
        "(versions differ by a factor of three).",
        "Rounds without and with swapping take turns. Memory is the process's resident set.",
        *(f"Went wrong: {example}" for notes in found.rounds for example in notes.examples),
    ]
    return Report("hot_swap", command, tables, notes)


def summary(found: SwapFindings) -> dict[str, Any]:
    """The figures at a glance."""
    return {
        "swaps": len(found.swap_s),
        "failed_calls": sum(notes.failed for notes in found.rounds),
        "wrong_answers": sum(notes.wrong for notes in found.rounds),
        "answers": sum(len(notes.latencies_ms) for notes in found.rounds),
        "p99_ms_calm": round(_p99_ms(found.calm).median, 1),
        "p99_ms_swapping": round(_p99_ms(found.swapping).median, 1),
        "resident_mib_before": round(found.resident_mib[0], 1),
        "resident_mib_after": round(found.resident_mib[-1], 1),
        "resident_mib_grown": round(found.grown_mib, 1),
    }


def _aims(found: SwapFindings) -> list[Aim]:
    figures = summary(found)
    return [
        Aim("failed calls", figures["failed_calls"], at_most=0, form="{:.0f}"),
        Aim("wrong answers", figures["wrong_answers"], at_most=0, form="{:.0f}"),
        Aim("memory grown over the swaps", found.grown_mib, at_most=20, form="{:.1f} MiB"),
    ]


def _load_table(found: SwapFindings) -> Table:
    rows = [_row("without swaps", found.calm), _row("swapping all the time", found.swapping)]
    ratio = ratio_spread(
        [percentile(notes.latencies_ms, 0.99) for notes in found.swapping],
        [percentile(notes.latencies_ms, 0.99) for notes in found.calm],
    )
    columns = [
        Column("what", "load"),
        Column("answers", "answers", "{:,}"),
        Column("failed", "failed"),
        Column("wrong", "wrong"),
        Column("p50_ms", "p50, ms", "{:.0f}", with_range=True),
        Column("p99_ms", "p99, ms", "{:.0f}", with_range=True),
    ]
    rows[1]["p99_ratio"] = ratio
    note = f"The p99 while swapping is {ratio.median:.2f} times that without, round by round."
    return Table("load", "What callers saw", columns, rows, [note])


def _row(what: str, rounds: Sequence[LoadNotes]) -> Row:
    return {
        "what": what,
        "answers": sum(len(notes.latencies_ms) for notes in rounds),
        "failed": sum(notes.failed for notes in rounds),
        "wrong": sum(notes.wrong for notes in rounds),
        "p50_ms": Spread.from_values([percentile(notes.latencies_ms, 0.5) for notes in rounds]),
        "p99_ms": _p99_ms(rounds),
    }


def _p99_ms(rounds: Sequence[LoadNotes]) -> Spread:
    return Spread.from_values([percentile(notes.latencies_ms, 0.99) for notes in rounds])


def _swap_table(found: SwapFindings) -> Table:
    row: Row = {
        "swaps": len(found.swap_s),
        "swap_s": Spread.from_values(found.swap_s),
        "before": found.resident_mib[0],
        "after": found.resident_mib[-1],
        "highest": max(found.resident_mib),
        "peak": found.peak_mib,
        "grown": found.grown_mib,
    }
    columns = [
        Column("swaps", "swaps"),
        Column("swap_s", "each, s", "{:.2f}", with_range=True),
        Column("before", "memory before, MiB", "{:.0f}"),
        Column("after", "after, MiB", "{:.0f}"),
        Column("highest", "highest between, MiB", "{:.0f}"),
        Column("peak", "peak, MiB", "{:.0f}"),
        Column("grown", "grown, MiB", "{:+.1f}"),
    ]
    return Table("swaps", "Swaps and memory", columns, [row])
