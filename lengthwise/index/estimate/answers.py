"""From calibrated distributions to answers: the last step, whichever tier made them.

A mean follows its farthest value: three rows of a hundred that say 90,000 tokens double that of an
answer of 60, though they move no quantile up to the 90th. So what lies far beyond the others is
counted as lying at a fence (winsorised: Dixon 1960), which the middle of the distribution sets, and
which is never under what many of the LLM's answers reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.index.estimate.calibration import GRID
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.weighted_cdf import interpolated_quantiles
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens


@dataclass(frozen=True, slots=True)
class AnsweredLengths:
    """Distributions as they are told, one for each query.

    Args:
        expected_tokens: Shape (queries,): the mean of each.
        quantile_tokens: Shape (queries, levels): ascending along each row.
    """

    expected_tokens: FloatArray
    quantile_tokens: FloatArray

    @classmethod
    def from_grid(
        cls, grid: FloatArray, usual_tokens: FloatArray, levels: Sequence[float]
    ) -> "AnsweredLengths":
        """From calibrated quantiles.

        Args:
            grid: Shape (queries, len(GRID)): quantiles in tokens at the levels of GRID.
            usual_tokens: Shape (queries,): what is long for each query's LLM, as `robust_mean`
                takes it.
            levels: Levels that are told, ascending, in (0, 1).
        """
        return cls(robust_mean(grid, usual_tokens), interpolated_quantiles(levels, GRID, grid))


def truncated(grid: FloatArray, queries: Sequence[Query]) -> FloatArray:
    """Quantiles, none beyond what its query's limit on tokens allows."""
    limits = np.array([query.max_tokens or np.inf for query in queries])
    return np.minimum(grid, limits[:, None])


FENCES = ((0.9, 2.0), (0.75, 4.0))
"""Levels, and where each puts the fence: so many times as far above the median as its quantile, on
the log scale. On a normal distribution there that is 2.6 and 2.7 standard deviations, beyond its
99 % quantile at 2.3. The lower level holds where more than a tenth of what is near is absurd."""

USUAL_LEVEL = 0.95
"""The quantile of an LLM's lengths, whatever the prompt, that the lower fence is never under: where
most answers are short and some are long, both are true."""


def robust_mean(grid: FloatArray, usual_tokens: FloatArray) -> FloatArray:
    """Mean of each distribution, in tokens, shape (distributions,).

    Args:
        grid: Shape (distributions, n): quantiles in tokens at levels of equal distance, ascending.
        usual_tokens: Shape (distributions,): the quantile at `USUAL_LEVEL` of the LLM's lengths.
    """
    count = grid.shape[1]
    middle = to_log(grid[:, count // 2])
    high, low = (
        to_tokens(middle + reach * (to_log(grid[:, int(level * count)]) - middle))
        for level, reach in FENCES
    )
    fence = np.minimum(high, np.maximum(low, usual_tokens))
    return np.minimum(grid, fence[:, None]).mean(axis=1)
