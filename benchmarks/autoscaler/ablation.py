"""What the quality of predictions and the time of a start-up change."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.autoscaler.frontier import COLUMNS, points_of
from benchmarks.autoscaler.scenarios import CONV, TAU, setting, shifted_workload
from benchmarks.harness.table import Column, Row, Table
from serving_sim.fleet.experiment import compare

TAUS = (0.26, 0.47, TAU, 1.0)
"""Kendall tau-b: of small real sets, of frozen neighbours, of the trained index, of an oracle."""

START_UPS_S = (15.0, 60.0, 180.0)
"""Of a warm node, of a cold one with the model at hand, and of one that downloads it."""

START_UP_POLICIES = ("utilisation:0.6", "chiron:0.5", "occupancy:0.75", "lengthwise:0.75")
SHIFT_POLICIES = (
    "utilisation:0.6",
    "requests:220",
    "chiron:0.5",
    "occupancy:0.85",
    "occupancy:0.75",
    "predicted:0.85",
    "predicted:0.75",
    "lengthwise:0.75",
)
PREDICTED_POLICIES = ("predicted:0.75", "lengthwise:0.75")


def predictions_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """The same fleet with worse and better predictions."""
    rows: list[Row] = []
    for tau in TAUS:
        workload = CONV.workload(data, count, tau=tau)
        points = points_of(compare(workload, PREDICTED_POLICIES, setting(), seeds=seeds))
        rows += [{"tau": tau, **point.to_row()} for point in points]
    head = (Column("tau", "Kendall tau-b", "{:.2f}"), *COLUMNS[1:])
    return Table("predictions", "Predictions from poor to perfect", head, rows)


def start_up_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """The same policies with instances that start faster and slower."""
    rows: list[Row] = []
    workload = CONV.workload(data, count)
    for start_up_s in START_UPS_S:
        fleet = setting(start_up_s=start_up_s)
        points = points_of(compare(workload, START_UP_POLICIES, fleet, seeds=seeds))
        rows += [{"start_up_s": start_up_s, **point.to_row()} for point in points]
    head = (Column("start_up_s", "start-up, s", "{:.0f}"), *COLUMNS[1:])
    return Table("start_up", "Instances that start faster and slower", head, rows)


def shift_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """Short answers, then long ones at the same rate: the rate of requests tells nothing of it."""
    runs = compare(shifted_workload(data, count), SHIFT_POLICIES, setting(), seeds=seeds)
    rows = [point.to_row() for point in points_of(runs)]
    note = "Mean answers of 55 tokens, then of 318: each request asks for almost six times as much."
    return Table("shift", "A shift from short to long answers", COLUMNS[1:], rows, (note,))
