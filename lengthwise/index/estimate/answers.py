"""From calibrated distributions to answers: the last step, whichever tier made them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.index.estimate.calibration import GRID
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.estimate.robust_mean import robust_mean
from lengthwise.index.estimate.weighted_cdf import interpolated_quantiles
from lengthwise.index.length_scale import FloatArray


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
