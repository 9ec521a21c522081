"""Single questions, each answered by one command in minutes: `--case NAME`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.autoscaler.ablation import shift_table, start_up_table
from benchmarks.autoscaler.deadlines import deadlines_table
from benchmarks.autoscaler.predictor_faults import other_domain_table, predictor_gone_table
from benchmarks.autoscaler.quota import lending_table
from benchmarks.autoscaler.ramp import REQUESTS, ramp_notes, ramp_table
from benchmarks.autoscaler.scenarios import ENGINE_NOTE, SPREAD_NOTE
from benchmarks.harness.table import Table

Measure = Callable[[Path, int, Sequence[int]], Table]
"""The real sets' folder, interactive requests and seeds: a table."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Args:
        measure: Answers it.
        count: Interactive requests of a run.
        notes: What is assumed where it is not what the frontiers assume; None for the same.
    """

    measure: Measure
    count: int
    notes: Callable[[], list[str]] | None = None


QUOTAS = (6, None)
"""Instances at most: about twice what the mean load needs, and any number."""


def _ramp(data: Path, count: int, seeds: Sequence[int]) -> Table:
    del data
    return ramp_table(count, seeds)


def _lending(data: Path, count: int, seeds: Sequence[int]) -> Table:
    return lending_table(data, count, seeds, QUOTAS)


CASES: Mapping[str, Case] = {
    "ramp": Case(_ramp, REQUESTS, ramp_notes),
    "lending": Case(_lending, 24_000),
    "deadlines": Case(deadlines_table, 32_400, lambda: [ENGINE_NOTE, SPREAD_NOTE]),
    "predictor_gone": Case(predictor_gone_table, 24_000),
    "other_domain": Case(other_domain_table, 24_000),
    "start_up": Case(start_up_table, 24_000),
    "shift": Case(shift_table, 24_000),
}
"""By name; the deadlines' run is of three hours, so that jobs of two hours come and end."""
