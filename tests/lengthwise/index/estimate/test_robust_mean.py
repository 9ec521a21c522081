"""A mean that a few absurd lengths do not move."""

import numpy as np
import pytest

from lengthwise.index.estimate.calibration import GRID
from lengthwise.index.estimate.robust_mean import robust_mean


def lognormal(median: float, sigma: float) -> np.ndarray:
    """Quantiles of lengths that are normal on the log scale, at the levels of GRID."""
    draws = np.random.default_rng(0).normal(np.log(median), sigma, 400_000)
    return np.quantile(np.exp(draws), GRID)[None, :]


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_of_lengths_as_llms_give_them_it_is_the_mean(sigma):
    grid = lognormal(100, sigma)
    assert robust_mean(grid) == pytest.approx(grid.mean(axis=1), rel=1e-9)


def test_three_absurd_levels_of_a_hundred_hardly_move_it():
    clean = lognormal(60, 0.4)
    poisoned = clean.copy()
    poisoned[:, -3:] = 90_000
    assert poisoned.mean() > 2_000
    assert robust_mean(poisoned) == pytest.approx(clean.mean(), rel=0.1)


def test_of_one_length_alone_it_is_that_length():
    assert robust_mean(np.full((2, 99), 7.0)) == pytest.approx([7, 7])
