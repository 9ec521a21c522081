"""The autoscaler's benchmark: its arrivals, its choice of points and its table of waiting work."""

import numpy as np
import pytest

from benchmarks.autoscaler.frontier import (
    DEFAULTS,
    SWEEPS,
    Point,
    best,
    cheapest,
    equal_attainment_table,
)
from benchmarks.autoscaler.picture import draw
from benchmarks.autoscaler.scenarios import ShiftedMix, setting, warped
from benchmarks.autoscaler.waiting import _predicted, _row
from serving_sim.fleet.contenders import contender
from serving_sim.fleet.result import FleetSummary
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.workload import Workload, gamma_arrivals


def point(family: str, policy: str, attainment: float, hours: float, batch: float = 1.0) -> Point:
    row = FleetSummary(policy, 0, 100, attainment, attainment, batch, 1.0, hours, 10.0, 5, 3, 0)
    return Point(family, policy, [row])


POINTS = [
    point("a", "a:1", 0.95, 1.0),
    point("a", "a:2", 0.99, 2.0),
    point("a", "a:3", 0.992, 4.0),
    point("b", "b:1", 0.999, 3.0, batch=0.5),
]


def test_warped_arrivals_keep_their_number_and_span_and_are_denser_in_bursts():
    plain_s = gamma_arrivals(1.0)(10.0, 20_000, np.random.default_rng(0))
    dense_s = warped(gamma_arrivals(1.0), 0.5, 3.0)(10.0, 20_000, np.random.default_rng(0))
    assert len(dense_s) == len(plain_s)
    assert dense_s[-1] == pytest.approx(plain_s[-1])
    assert (np.diff(dense_s) >= 0).all()
    inside = ((dense_s >= 780) & (dense_s < 840)).sum()
    before = ((dense_s >= 700) & (dense_s < 760)).sum()
    assert inside == pytest.approx(3 * before, rel=0.15)


def test_the_cheapest_point_is_the_one_with_the_fewest_hours_that_reaches_both_attainments():
    assert cheapest(POINTS, "a", 0.98) == POINTS[1]
    assert cheapest(POINTS, "a", 0.999) is None
    assert cheapest(POINTS, "b", 0.9) is None
    assert best(POINTS, "a") == POINTS[2]


def test_the_table_of_equal_attainment_leaves_empty_what_is_not_reached():
    rows = equal_attainment_table(POINTS, (0.98, 0.999)).rows
    assert rows[0]["at_0.98"].median == 2.0
    assert rows[0]["at_0.999"] is None
    assert rows[1]["at_0.98"] is None


def test_every_setting_of_the_sweeps_is_a_policy_and_every_default_is_among_them():
    for family, settings in SWEEPS.items():
        assert all(contender(name, setting()).policy for name in settings)
        assert DEFAULTS[family] in settings


def test_the_picture_is_drawn_from_points(tmp_path):
    families = {name: [point(name, DEFAULTS[name], 0.99, 2.0)] for name in SWEEPS}
    draw({"one": [one for points in families.values() for one in points]}, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_perfect_predictions_foretell_a_queue_and_its_quantile_covers_it():
    tables = [
        LengthTable(np.random.default_rng(seed).geometric(1 / mean, 2_000), np.ones(2_000, int))
        for seed, mean in enumerate((40, 400))
    ]
    told = [Predictor.from_text("noise:0.99").predict(table) for table in tables]
    row = _row(lambda job, rows: _predicted(rows, told[job]), "near truth", 100, tables, 60)
    assert row["r2"] > 0.99
    assert row["coverage"] >= 80


def test_a_shifted_mix_comes_in_order_short_answers_first_and_each_with_its_own_prediction():
    halves = []
    for mean in (20, 500):
        table = LengthTable(np.random.default_rng(1).geometric(1 / mean, 500), np.ones(500, int))
        told = Predictor.from_text("noise:0.8").predict(table)
        halves.append(Workload(table, gamma_arrivals(1.0), told.tokens, told.distributions))
    drawn = ShiftedMix(*halves).draw(401, 5.0, 0)
    assert len(drawn) == 401
    assert drawn.output_tokens[:200].mean() < 50
    assert drawn.output_tokens[200:].mean() > 300
    assert drawn.distributions is not None
    assert drawn.distributions[0].mean() < 100 < drawn.distributions[400].mean()
