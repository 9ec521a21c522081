"""Measures of accuracy, and the gain of an order, against what is worked out by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from index_builder.evaluation.metrics import (
    PredictedLengths,
    class_edges,
    measure,
    shortest_first_gain,
)


def test_errors_and_shares_are_those_worked_out_by_hand():
    point = np.array([10.0, 60.0, 300.0, 100.0])
    found = measure(PredictedLengths(point), [10, 110, 200, 201])
    assert found.rows == 4
    assert found.mae == (0 + 50 + 100 + 101) / 4
    assert found.median_ae == 75
    assert found.within_50 == 0.5
    assert found.within_100 == 0.75


def test_coverage_and_width_are_those_worked_out_by_hand():
    point = np.array([10.0, 20.0, 30.0, 40.0])
    half = (point - 1, point + 1)
    most = (point - 5.5, point + 5.5)
    found = measure(PredictedLengths(point, half, most), [10, 22, 35, 46])
    assert found.coverage_50 == 0.25
    assert found.coverage_90 == 1.0  # 46 is under 45.5 rounded up
    assert found.width_50 == 2
    assert found.width_90 == 11


def test_tau_b_with_ties_is_that_worked_out_by_hand():
    # Pairs: 4 concordant, 1 tied in the prediction, 1 tied in the truth.
    found = measure(PredictedLengths(np.array([1.0, 1.0, 2.0, 3.0])), [1, 2, 3, 3])
    assert found.kendall_tau_b == pytest.approx(4 / np.sqrt(5 * 5))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30))
def test_correlations_are_scipys_or_absent_where_there_is_nothing_to_rank(pairs):
    point, truth = np.array(pairs, float).T
    found = measure(PredictedLengths(point), truth)
    if np.ptp(point) == 0 or np.ptp(truth) == 0:
        assert found.kendall_tau_b is None
        assert found.spearman is None
    else:
        assert found.kendall_tau_b == pytest.approx(kendalltau(point, truth).statistic)
        assert found.spearman == pytest.approx(spearmanr(point, truth).statistic)


def test_a_predictor_without_intervals_has_neither_coverage_nor_width():
    found = measure(PredictedLengths(np.array([1.0])), [1]).to_dict()
    assert [found[k] for k in ("coverage_50", "coverage_90", "width_50", "width_90")] == [None] * 4


def test_length_classes_are_cut_at_the_percentiles_of_the_history():
    assert class_edges(range(1, 102)).tolist() == [26, 51, 76, 100]


def test_class_accuracy_is_the_share_in_the_right_class_worked_out_by_hand():
    edges = np.array([10.0, 20, 30, 40])
    point = np.array([5.0, 12, 20, 35, 90])
    found = measure(PredictedLengths(point), [9, 20, 29, 30, 39], edges)
    assert found.class_accuracy == 3 / 5


def test_without_edges_there_is_no_class_accuracy():
    assert measure(PredictedLengths(np.array([1.0])), [1]).class_accuracy is None


def total_wait(lengths):
    return sum(sum(lengths[:place]) for place in range(len(lengths)))


def test_the_true_order_gains_all_and_the_reverse_loses_as_much():
    truth = np.array([30.0, 10.0, 20.0])
    assert shortest_first_gain(truth, truth) == pytest.approx(1)
    assert shortest_first_gain(-truth, truth) == pytest.approx(-1)


def test_a_prediction_that_tells_nothing_gains_nothing():
    assert shortest_first_gain(np.ones(3), np.array([30.0, 10.0, 20.0])) == pytest.approx(0)


def test_where_all_lengths_are_equal_there_is_nothing_to_gain():
    assert shortest_first_gain(np.array([1.0, 2.0]), np.array([5.0, 5.0])) is None


def test_one_pair_the_wrong_way_round_is_what_is_worked_out_by_hand():
    # Waits by the order 10, 30, 20: 0 + 10 + 40; best 0 + 10 + 30; unordered 60.
    found = shortest_first_gain(np.array([3.0, 1.0, 2.0]), np.array([20.0, 10.0, 30.0]))
    assert found == pytest.approx((60 - 50) / (60 - 40))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), min_size=2, max_size=6))
def test_ties_count_as_the_mean_over_all_orders_of_those_that_are_equal(pairs):
    predicted, truth = np.array(pairs, float).T
    orders = [
        order
        for order in permutations(range(len(pairs)))
        if all(predicted[a] <= predicted[b] for a, b in pairwise(order))
    ]
    mean = np.mean([total_wait([truth[i] for i in order]) for order in orders])
    anyhow = np.mean([total_wait([truth[i] for i in o]) for o in permutations(range(len(pairs)))])
    best = total_wait(sorted(truth))
    found = shortest_first_gain(predicted, truth)
    if anyhow == pytest.approx(best):
        assert found is None or np.ptp(truth) > 0
    else:
        assert found == pytest.approx((anyhow - mean) / (anyhow - best))
