"""What the soak measures, and its tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.table import Column, Row, Table
from benchmarks.soak.load import SoakCounts


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of the run.

    Args:
        at_s: When it ended, from the start of the load.
        resident_mib: Memory that the service held in it, the median of what was read.
        peak_mib: The most that was read: rows learnt from are moved now and then, and for seconds
            lie in two places.
        p99_ms: Of the predictions in it.
        predicted: Predictions answered since the load began.
        errors: Calls that failed so far.
    """

    at_s: float
    resident_mib: float
    peak_mib: float
    p99_ms: float
    predicted: int
    errors: int


def slope_mib_per_h(stretches: Sequence[Stretch], settled_s: float) -> float:
    """How fast memory grows, by least squares over what came after it had settled.

    Args:
        stretches: In order; at least two after `settled_s`.
        settled_s: From the start of the load; until then caches fill.
    """
    settled = [one for one in stretches if one.at_s >= settled_s]
    at_h = np.array([one.at_s / 3_600 for one in settled])
    resident_mib = np.array([one.resident_mib for one in settled])
    return float(np.polyfit(at_h, resident_mib, 1)[0])


def grown_mib(stretches: Sequence[Stretch], settled_s: float) -> float:
    """The mean of the last quarter over that of the first, of what came after it had settled."""
    settled = [one.resident_mib for one in stretches if one.at_s >= settled_s]
    quarter = max(1, len(settled) // 4)
    return float(np.mean(settled[-quarter:]) - np.mean(settled[:quarter]))


@dataclass(frozen=True, slots=True)
class SoakFindings:
    """What was measured.

    Args:
        capacity_per_s: Requests per second in a closed loop.
        rate_per_s: Requests per second that were offered.
        counts: What became of them, those for the capacity included.
        stretches: What was noted from time to time, in order.
        duration_s: How long the load lasted.
    """

    capacity_per_s: float
    rate_per_s: float
    counts: SoakCounts
    stretches: tuple[Stretch, ...]
    duration_s: float

    @property
    def settled_s(self) -> float:
        """Until then caches fill: a quarter of the run."""
        return self.duration_s / 4

    @property
    def slope_mib_per_h(self) -> float:
        """How fast memory grows once it has settled."""
        return slope_mib_per_h(self.stretches, self.settled_s)

    @property
    def grown_mib(self) -> float:
        """How much it has grown since then."""
        return grown_mib(self.stretches, self.settled_s)


SHOWN = 12
"""Rows of the table that shows the course of the run, about."""

MOST_GROWN_MIB = 10.0
"""Memory that may be grown by at most once it has settled."""

STEEPEST_MIB_PER_H = 5.0
"""Slope of memory at most once it has settled; a run of minutes cannot tell it."""


def soak_report(command: str, found: SoakFindings) -> Report:
    """What was found."""
    aims = [
        Aim("errors", found.counts.errors, at_most=0, form="{:,.0f}"),
        Aim(
            "memory grown after the first quarter",
            found.grown_mib,
            at_most=MOST_GROWN_MIB,
            form="{:.1f} MiB",
        ),
        Aim(
            "its slope after the first quarter",
            found.slope_mib_per_h,
            at_most=STEEPEST_MIB_PER_H,
            form="{:.1f} MiB/h",
        ),
    ]
    notes = [
        "The real service with SQLite at a Unix socket, asked by one process on the same cores. "
        "Requests come by a Poisson process; each prompt is another, is predicted by itself and "
        "its length reported, 32 at a time.",
        "Memory is the process's resident set, read every second; of each part of the run the "
        "median counts, and the highest reading stands beside it: when learnt rows are moved, they "
        "lie in two places for some seconds. It is judged after the first quarter, when caches and "
        "the rows learnt from reports have reached their bounds.",
        *(f"Failed: {example}" for example in found.counts.examples),
    ]
    return Report("soak", command, [_whole(found), _course(found), aims_table(aims)], notes)


def summary(found: SoakFindings) -> dict[str, Any]:
    """The figures at a glance."""
    return {
        "minutes": found.duration_s / 60,
        "capacity_per_s": round(found.capacity_per_s, 1),
        "rate_per_s": round(found.rate_per_s, 1),
        "predicted": found.counts.predicted,
        "reported": found.counts.reported,
        "errors": found.counts.errors,
        "grown_mib": round(found.grown_mib, 2),
        "slope_mib_per_h": round(found.slope_mib_per_h, 2),
    }


def _whole(found: SoakFindings) -> Table:
    row: Row = {**summary(found), "most": found.counts.most_under_way}
    columns = [
        Column("minutes", "minutes", "{:g}"),
        Column("capacity_per_s", "capacity/s", "{:.0f}"),
        Column("rate_per_s", "asked/s", "{:.0f}"),
        Column("predicted", "predicted", "{:,}"),
        Column("reported", "reported", "{:,}"),
        Column("errors", "errors"),
        Column("most", "most under way", "{:,}"),
        Column("grown_mib", "grown, MiB", "{:+.1f}"),
        Column("slope_mib_per_h", "MiB/h", "{:+.1f}"),
    ]
    return Table("soak", "The whole run", columns, [row])


def _course(found: SoakFindings) -> Table:
    step = max(1, len(found.stretches) // SHOWN)
    rows: list[Row] = [
        {
            "at": f"{one.at_s / 60:.1f}",
            "resident_mib": one.resident_mib,
            "peak_mib": one.peak_mib,
            "p99_ms": one.p99_ms,
            "predicted": one.predicted,
            "errors": one.errors,
        }
        for one in found.stretches[step - 1 :: step]
    ]
    columns = [
        Column("at", "minute"),
        Column("resident_mib", "memory, MiB", "{:.0f}"),
        Column("peak_mib", "at most", "{:.0f}"),
        Column("p99_ms", "p99, ms", "{:.0f}"),
        Column("predicted", "predicted so far", "{:,}"),
        Column("errors", "errors so far"),
    ]
    return Table("course", "As it went on", columns, rows, detail=True)
