"""A mean that a few absurd lengths do not move."""

import numpy as np
import pytest

from lengthwise.index.estimate.calibration import GRID
from lengthwise.index.estimate.robust_mean import robust_mean

USUAL = np.array([200.0])


def lognormal(median: float, sigma: float) -> np.ndarray:
    """Quantiles of lengths that are normal on the log scale, at the levels of GRID."""
    draws = np.random.default_rng(0).normal(np.log(median), sigma, 400_000)
    return np.quantile(np.exp(draws), GRID)[None, :]


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_of_lengths_as_llms_give_them_it_is_the_mean(sigma):
    grid = lognormal(100, sigma)
    assert robust_mean(grid, USUAL) == pytest.approx(grid.mean(axis=1), rel=1e-9)


@pytest.mark.parametrize("absurd", [3, 8, 15])
def test_absurd_levels_do_not_double_it_though_they_are_more_than_a_tenth(absurd):
    clean = lognormal(60, 0.4)
    poisoned = clean.copy()
    poisoned[:, -absurd:] = 90_000
    assert poisoned.mean() > 2_000
    assert clean.mean() < robust_mean(poisoned, USUAL)[0] < 2 * clean.mean()


def test_where_most_answers_are_short_and_some_as_long_as_is_usual_both_count():
    grid = np.where(GRID < 0.8, 2.0, 180.0)[None, :]
    assert robust_mean(grid, USUAL) == pytest.approx(grid.mean(axis=1))


def test_of_one_length_alone_it_is_that_length():
    assert robust_mean(np.full((1, 99), 7.0), USUAL) == pytest.approx([7])
