"""What the pictures show, as numbers, on rows whose stated distributions are the true ones."""

from dataclasses import replace

import numpy as np
import pytest

from index_builder.evaluation.metrics import LengthMetrics
from index_builder.report.calibration_curve import (
    CalibrationCurve,
    IntervalCoverage,
    central_levels,
)
from index_builder.report.confidence import Reliability
from index_builder.report.predicted_against_true import PredictedAgainstTrue
from index_builder.report.predictors import predictor_scores, tau_by_llm
from index_builder.report.remaining import RemainingAccuracy
from index_builder.report.share import Share, error_bars
from tests.index_builder.report.made_rows import (
    LEVELS,
    WITHIN_FACTOR_2,
    made_evaluation,
    made_rows,
)

SERVED = "retrieval"


@pytest.fixture(scope="module")
def rows():
    return made_rows()


def test_a_share_of_no_hits_may_still_be_more_than_none():
    share = Share.of(np.zeros(10, bool))
    assert share.value == share.low == 0
    assert share.high == pytest.approx(0.278, abs=0.001)  # 3.84 / (10 + 3.84)


def test_the_interval_of_a_share_narrows_with_more_rows():
    few, many = (Share.of(np.arange(n) % 4 == 0) for n in (40, 4_000))
    assert few.value == many.value == 0.25
    assert few.low < many.low < 0.25 < many.high < few.high


def test_error_bars_are_never_negative():
    shares = [Share.of(np.full(7, hit)) for hit in (True, False)]
    assert all(length >= 0 for side in error_bars(shares) for length in side)


def test_every_row_is_counted_in_some_cell(rows):
    found = PredictedAgainstTrue.of(rows.points[SERVED], rows.truth)
    assert np.sum(found.counts) == len(rows)
    assert np.shape(found.counts) == (len(found.edges) - 1,) * 2


def test_cells_are_counted_by_true_length_first():
    predicted, truth = np.array([10.0] * 20), np.array([10.0] * 19 + [1_000.0])
    counts = np.array(PredictedAgainstTrue.of(predicted, truth).counts)
    assert counts.sum(axis=0).max() == 20
    assert counts.sum(axis=1).max() == 19


def test_the_true_median_follows_right_predictions_and_leaves_those_twice_too_long():
    for stretched in (1.0, 2.0):
        rows = made_rows(stretched=stretched)
        found = PredictedAgainstTrue.of(rows.points[SERVED], rows.truth)
        ratio = np.array(found.median_predicted) / np.array(found.median_true)
        assert np.median(ratio) == pytest.approx(stretched, rel=0.1)


def test_answers_of_no_token_have_a_place_on_the_logarithmic_axis():
    found = PredictedAgainstTrue.of(np.array([0.0, 5.0, 9.0]), np.array([0.0, 0.0, 9.0]))
    assert np.sum(found.counts) == 3
    assert found.edges[0] > 0


def test_what_is_stated_is_what_is_observed_where_it_is_true(rows):
    found = CalibrationCurve.of(rows)
    assert found.stated == LEVELS
    for stated, share in zip(found.stated, found.observed, strict=True):
        assert share.value == pytest.approx(stated, abs=0.035)


def test_quantiles_that_are_too_long_are_seen_over_the_diagonal():
    found = CalibrationCurve.of(made_rows(stretched=2.0))
    assert all(s.value > stated for stated, s in zip(found.stated, found.observed, strict=True))


def test_coverage_is_by_tenths_from_the_shortest_predicted(rows):
    found = IntervalCoverage.of(rows, rows.points[SERVED])
    assert found.stated == 0.9
    assert list(found.predicted) == sorted(found.predicted)
    assert [share.rows for share in found.observed] == [200] * 10
    assert np.mean([share.value for share in found.observed]) == pytest.approx(0.9, abs=0.02)


def test_a_tenth_that_is_not_covered_is_seen_as_that_one(rows):
    narrow, shortest = rows.quantile_tokens.copy(), np.argsort(rows.points[SERVED])[:200]
    narrow[shortest] = 1e6
    found = IntervalCoverage.of(replace(rows, quantile_tokens=narrow), rows.points[SERVED])
    assert found.observed[0].value == 0
    assert min(share.value for share in found.observed[1:]) > 0.8


@pytest.mark.parametrize(
    ("levels", "ends"),
    [
        ((0.01, 0.05, 0.5, 0.95, 0.99), (1, 3)),
        ((0.1, 0.25, 0.5, 0.75, 0.9), (0, 4)),
        ((0.1, 0.5, 0.8), None),
    ],
)
def test_the_interval_shown_is_that_of_90_percent_or_the_widest_there_is(levels, ends):
    assert central_levels(levels) == ends


def test_without_a_central_interval_there_is_no_coverage_to_show():
    rows = made_rows(50, levels=(0.1, 0.5, 0.8))
    assert IntervalCoverage.of(rows, rows.points[SERVED]) is None


def test_confidence_is_held_against_the_share_within_a_factor_of_two(rows):
    found = Reliability.of(rows.confidence, rows.points[SERVED], rows.truth)
    assert sum(found.rows_by_bin) == len(rows)
    assert found.stated == pytest.approx([WITHIN_FACTOR_2])
    assert found.observed[0].value == pytest.approx(WITHIN_FACTOR_2, abs=0.03)


def test_bins_of_few_rows_are_counted_but_not_judged():
    confidence = np.array([0.05] * 9 + [0.65] * 30 + [1.0] * 10)
    found = Reliability.of(confidence, np.ones(49), np.ones(49))
    assert found.rows_by_bin == (9, 0, 0, 0, 0, 0, 30, 0, 0, 10)
    assert found.stated == pytest.approx([0.65, 1.0])


def test_predictors_are_sorted_best_first_and_the_ceiling_is_none_of_them(rows):
    evaluation = made_evaluation(rows)
    error = predictor_scores(evaluation, "mae", low_is_good=True)
    assert error.names == ("retrieval", "constant median")
    assert list(error.values) == sorted(error.values)
    assert list(error.ceilings) == ["LLM's other draw"]
    assert error.highlighted == "retrieval"


def test_a_predictor_without_an_order_comes_last(rows):
    tau = predictor_scores(made_evaluation(rows), "kendall_tau_b")
    assert tau.names == ("retrieval", "constant median")
    assert tau.values[1] is None


def test_llms_are_compared_where_two_have_enough_rows():
    rows = made_rows(300, models=("a", "b"))
    assert set(tau_by_llm(made_evaluation(rows)).names) == {"a (150)", "b (150)"}
    few = replace(rows, models=("a",) * 290 + ("b",) * 10)
    assert tau_by_llm(made_evaluation(few)) is None


def test_what_remains_is_asked_as_long_as_enough_rows_live(rows):
    found = RemainingAccuracy.of(rows)
    assert found.generated_tokens[:6] == (0, 10, 25, 50, 100, 200)
    alive = [int((rows.truth > t).sum()) for t in found.generated_tokens]
    assert list(found.alive) == alive
    assert alive[-1] >= 30 > (rows.truth > 2 * found.generated_tokens[-1]).sum()


def test_before_the_first_token_what_remains_is_the_whole_prediction(rows):
    found = RemainingAccuracy.of(rows)
    metrics: LengthMetrics = made_evaluation(rows).metrics[SERVED]
    assert found.mae[0] == pytest.approx(metrics.mae)
    assert found.naive_mae[0] == pytest.approx(metrics.mae)


def test_regarding_what_has_come_is_better_than_subtracting_it(rows):
    found = RemainingAccuracy.of(rows)
    late = slice(4, None)
    assert all(a < b for a, b in zip(found.mae[late], found.naive_mae[late], strict=True))
    assert all(share.low < 0.93 and share.high > 0.87 for share in found.coverage_90)


def test_a_handful_of_rows_still_gives_the_first_point():
    found = RemainingAccuracy.of(made_rows(5))
    assert found.generated_tokens == (0,)
    assert found.alive == (5,)


def test_many_rows_are_thinned_out_evenly(rows, monkeypatch):
    monkeypatch.setattr("index_builder.report.remaining.MAX_ROWS", 700)
    assert RemainingAccuracy.of(rows).alive[0] == 667
