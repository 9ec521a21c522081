"""The gain of an order against what is worked out by hand and by trying every order."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_builder.evaluation.shortest_first import shortest_first_gain


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
