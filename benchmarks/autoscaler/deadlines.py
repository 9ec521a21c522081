"""Batch jobs that are due in five minutes to two hours, beside interactive requests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.autoscaler.frontier import Point
from benchmarks.autoscaler.scenarios import CONV, setting
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from serving_sim.fleet.experiment import FleetRun, compare

DEADLINES_S = (300.0, 900.0, 3_600.0, 7_200.0)
"""Each job takes the next in turn."""

RATE_PER_S, BATCH_SHARE, JOB_EVERY_S = 3.0, 1.0, 600.0
"""As much batch work as interactive, so that deadlines are what the fleet is sized for."""

SWEEPS: Mapping[str, Sequence[str]] = {
    "HPA on utilisation": [f"utilisation:{n}" for n in (0.8, 0.6)],
    "KEDA on requests": [f"requests:{n}" for n in (220, 128)],
    "Chiron": [f"chiron:{n}" for n in (0.7, 0.33)],
    "occupancy ahead": [f"occupancy:{n}" for n in (1, 0.85)],
    "+ predictions, guarded order": [f"lengthwise:{n}" for n in (1, 0.85)],
    "+ all lent": [f"lending:{n}" for n in (1, 0.85)],
}


def deadlines_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """Attainment of each deadline, and what it costs."""
    names = [name for family in SWEEPS.values() for name in family]
    workload = replace(
        CONV.workload(data, count),
        rate_per_s=RATE_PER_S,
        batch_share=BATCH_SHARE,
        job_every_s=JOB_EVERY_S,
        deadline_s=DEADLINES_S,
    )
    fleet = replace(setting(), least=1)
    runs: dict[str, list[FleetRun]] = {name: [] for name in names}
    kept: dict[str, list[dict[float, float]]] = {name: [] for name in names}
    for run in compare(workload, names, fleet, seeds=seeds):
        kept[run.summary.policy].append(_kept_by_deadline(run))
        runs[run.summary.policy].append(run)
    rows = [
        _row(family, name, runs[name], kept[name])
        for family, settings in SWEEPS.items()
        for name in settings
    ]
    by_deadline = [
        Column(f"kept_{due_s:.0f}", f"due in {due_s / 60:.0f} min, %", "{:.1f}")
        for due_s in DEADLINES_S
    ]
    return Table(
        "deadlines",
        "Jobs that are due in 5 minutes to 2 hours",
        (
            Column("family", "policy"),
            Column("policy", "setting"),
            Column("interactive_attainment", "interactive, %", "{:.2f}"),
            *by_deadline,
            Column("instance_hours", "instance hours", "{:.2f}", with_range=True),
        ),
        rows,
        (
            f"{count:,} interactive requests at {RATE_PER_S:g}/s and as many batch requests in "
            f"jobs every {JOB_EVERY_S / 60:.0f} minutes, each due in another time.",
        ),
    )


def _kept_by_deadline(run: FleetRun) -> dict[float, float]:
    served = run.result.served
    allowed_s = np.rint(served.due_s - served.requests.arrival_s)
    kept = run.result.completed_s <= served.due_s
    return {
        due_s: float(kept[among].mean())
        for due_s in DEADLINES_S
        if (among := served.batch & (allowed_s == due_s)).any()
    }


def _row(
    family: str, name: str, runs: Sequence[FleetRun], kept: Sequence[dict[float, float]]
) -> Row:
    row = Point(family, name, [run.summary for run in runs]).to_row()
    for due_s in DEADLINES_S:
        shares = [100 * one[due_s] for one in kept if due_s in one]
        row[f"kept_{due_s:.0f}"] = Spread.from_values(shares) if shares else None
    return row
