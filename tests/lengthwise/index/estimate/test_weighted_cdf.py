"""Distributions from weighted, partly censored observations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.index.estimate.length_scale import to_log, to_tokens
from lengthwise.index.estimate.weighted_cdf import WeightedCdf

LEVELS = np.linspace(0, 1, 21)[None, :]


def cdf_of(values, weights=None, censored=None):
    values = np.array([values], float)
    weights = np.ones_like(values) if weights is None else np.array([weights], float)
    flags = np.zeros(values.shape, bool) if censored is None else np.array([censored], bool)
    return WeightedCdf.from_observations(values, weights, flags)


def quantile(cdf, level):
    return cdf.quantiles(np.array([[level]]))[0, 0]


@st.composite
def observations(draw, *, distinct=False):
    """Values, weights of which one at least is not 0, and which are censored."""
    count = draw(st.integers(1, 12))
    number = st.integers(0, 50)
    values = draw(st.lists(number, min_size=count, max_size=count, unique=distinct))
    weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=count, max_size=count))
    censored = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    weights[draw(st.integers(0, count - 1))] = 1.0
    return values, weights, censored


@given(observations())
def test_quantiles_ascend_and_stay_within_what_was_observed(case):
    values, weights, _ = case
    seen = [v for v, w in zip(values, weights, strict=True) if w > 0]
    found = cdf_of(*case).quantiles(LEVELS)[0]
    assert (np.diff(found) >= 0).all()
    assert found.min() >= min(seen)
    assert found.max() <= max(seen)


@given(observations(), st.sampled_from([1e-3, 0.1, 42.0]))
def test_only_the_ratio_of_weights_counts(case, scale):
    values, weights, censored = case
    scaled = cdf_of(values, [w * scale for w in weights], censored)
    assert scaled.levels == pytest.approx(cdf_of(*case).levels, abs=1e-9)


@given(observations(distinct=True))
def test_the_order_of_observations_does_not_count(case):
    backwards = cdf_of(*(column[::-1] for column in case))
    assert np.abs(backwards.quantiles(LEVELS) - cdf_of(*case).quantiles(LEVELS)).max() < 1e-9


@given(observations(distinct=True))
def test_an_observation_of_no_weight_changes_nothing(case):
    kept = [row for row in zip(*case, strict=True) if row[1] > 0]
    without = cdf_of(*map(list, zip(*kept, strict=True)))
    assert np.abs(cdf_of(*case).quantiles(LEVELS) - without.quantiles(LEVELS)).max() < 1e-9


@given(observations())
def test_censoring_a_row_never_makes_answers_shorter(case):
    values, _, censored = case
    as_it_is = cdf_of(values).quantiles(LEVELS)
    assert (cdf_of(values, censored=censored).quantiles(LEVELS) >= as_it_is - 1e-9).all()


def test_levels_are_the_middles_of_the_steps():
    cdf = cdf_of([10, 20, 30, 40])
    assert cdf.levels[0].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert quantile(cdf, 0.5) == 25


def test_weights_move_the_median():
    assert quantile(cdf_of([10, 20, 30], [1, 1, 8]), 0.5) > 25


def test_censored_rows_give_the_product_limit_estimate():
    # Kaplan and Meier by hand: survival 4/5, then (20 cut off) 4/5 * 2/3, * 1/2, * 0.
    cdf = cdf_of([10, 20, 30, 40, 50], censored=[False, True, False, False, False])
    after = 1 - np.array([4 / 5, 4 / 5, 8 / 15, 4 / 15, 0])
    before = np.concatenate([[0], after[:-1]])
    assert cdf.levels[0] == pytest.approx((before + after) / 2)


def test_of_equal_lengths_the_cut_off_one_outlived_the_other():
    cdf = cdf_of([10, 10, 20], censored=[True, False, False])
    survival = 1 - cdf.levels[0]
    # The one that ended had three at risk, not two.
    assert survival[0] == pytest.approx((1 + 2 / 3) / 2)


def test_if_every_answer_was_cut_off_the_longest_is_the_best_guess():
    cdf = cdf_of([10, 20, 30], censored=[True, True, True])
    assert quantile(cdf, 0.5) == 30
    assert np.isfinite(cdf.levels).all()


def test_the_level_of_a_value_is_the_inverse_of_its_quantile():
    cdf = cdf_of([10, 20, 30, 40])
    assert cdf.levels_of(np.array([quantile(cdf, 0.7)]))[0] == pytest.approx(0.7)


def test_values_beyond_what_was_observed_have_level_0_and_1():
    values = np.array([[1.0, 2.0]] * 2)
    cdf = WeightedCdf.from_observations(values, np.ones((2, 2)), np.zeros((2, 2), bool))
    assert cdf.levels_of(np.array([0.5, 2.5])).tolist() == [0, 1]


def test_the_level_of_a_value_that_was_observed_often_is_the_middle_of_its_step():
    cdf = cdf_of([10, 20, 20, 20, 30])
    assert cdf.levels_of(np.array([20.0]))[0] == pytest.approx(0.5)


def test_an_empty_answer_has_a_place_on_the_log_scale_and_nothing_is_shorter():
    assert to_tokens(to_log(np.array([0, 7]))) == pytest.approx([0, 7])
    assert to_tokens(np.array([-0.4])).tolist() == [0]
