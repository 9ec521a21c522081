"""What a predictor that goes, and one that was taught on another domain, cost."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.autoscaler.frontier import COLUMNS, points_of
from benchmarks.autoscaler.scenarios import CONV, LENGTHS, MOST_TOKENS, SHORT_LENGTHS, TAU, setting
from benchmarks.harness.table import Column, Row, Table
from serving_sim.fleet.experiment import FleetWorkload, compare
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predicted, Predictor
from serving_sim.workload.requests import Distributions, FloatArray
from serving_sim.workload.workload import Workload

POLICIES = ("occupancy:0.85", "predicted:0.85", "lengthwise:0.85", "lengthwise:0.75")
FOREIGN_TAU = 0.26
"""Kendall tau-b of an index on prompts of another kind: that of small real sets."""


def predictor_gone_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """The whole time with a predictor, half of it, and none."""
    rows: list[Row] = []
    for share in (1.0, 0.5, 0.0):
        workload = replace(CONV.workload(data, count), predicted_share=share)
        points = points_of(compare(workload, POLICIES, setting(), seeds=seeds))
        rows += [{"share": 100 * share, **point.to_row()} for point in points]
    return Table(
        "predictor_gone",
        "A predictor that is killed half-way",
        (Column("share", "of the time predicted, %", "{:.0f}"), *COLUMNS[1:]),
        rows,
        ("Without predictions: the mean of the answers that ended, in order of arrival.",),
    )


def other_domain_table(data: Path, count: int, seeds: Sequence[int]) -> Table:
    """Predictions of the answers' own domain, and of one with answers a sixth as long."""
    rows: list[Row] = []
    own = CONV.workload(data, count)
    for name, workload in (("own", own), ("another", _foreign(data, own))):
        points = points_of(compare(workload, POLICIES, setting(), seeds=seeds))
        rows += [{"domain": name, **point.to_row()} for point in points]
    return Table(
        "other_domain",
        "Predictions of another domain",
        (Column("domain", "domain predicted"), *COLUMNS[1:]),
        rows,
        (
            "Answers of ShareGPT (318 tokens on average); the other domain's predictions are those "
            f"of Alpaca (55), in an order that agrees with the truth by a tau-b of {FOREIGN_TAU}, "
            f"not {TAU}.",
        ),
    )


def _foreign(data: Path, own: FleetWorkload) -> FleetWorkload:
    table = LengthTable.from_file(data / LENGTHS).within(MOST_TOKENS)
    order = Predictor.from_text(f"noise:{FOREIGN_TAU}").predict(table).tokens
    short = LengthTable.from_file(data / SHORT_LENGTHS).within(MOST_TOKENS)
    told = foreign(order, Predictor.from_text(f"noise:{FOREIGN_TAU}").predict(short))
    assert isinstance(own.interactive, Workload)  # noqa: S101  CONV's is
    replaced = {"predicted_tokens": told.tokens, "distributions": told.distributions}
    return replace(
        own,
        interactive=replace(own.interactive, **replaced),
        batch=replace(own.batch, **replaced),
    )


def foreign(order: FloatArray, told: Predicted) -> Predicted:
    """Another set's predictions, the shortest to who is placed first.

    Args:
        order: Shape (rows,): places the rows from short to long.
        told: Predictions of the other set.
    """
    assert told.distributions is not None  # noqa: S101  noise has them
    place = np.argsort(np.argsort(order, kind="stable"), kind="stable") / len(order)
    theirs = np.argsort(told.tokens, kind="stable")
    rows = theirs[(place * len(theirs)).astype(np.int64)]
    which = told.distributions.which[rows]
    return Predicted(told.tokens[rows], Distributions(told.distributions.shared, which))
