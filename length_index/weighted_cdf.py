"""Distributions of many queries at once, each from its own weighted observations.

Censored observations (answers that were cut off) are handled by the product-limit estimator
(Kaplan and Meier 1958): the mass of a cut-off answer moves to the lengths beyond it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from length_index.length_scale import FloatArray


@dataclass(frozen=True, slots=True)
class WeightedCdf:
    """One distribution per row.

    Args:
        values: Shape (queries, observations), ascending along each row.
        levels: Same shape: probability of staying at or under each value, halfway up its step.
    """

    values: FloatArray
    levels: FloatArray

    @classmethod
    def from_observations(
        cls, values: FloatArray, weights: FloatArray, censored: NDArray[np.bool_]
    ) -> "WeightedCdf":
        """Distributions from observations in any order; all arguments have one shape."""
        order = np.argsort(values, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        weights = np.take_along_axis(weights, order, axis=1)
        if not censored.any():
            total = np.cumsum(weights, axis=1)
            return cls(values, (total - weights / 2) / total[:, -1:])
        events = ~np.take_along_axis(censored, order, axis=1)
        events[:, -1] = True  # what outlives every observation is put at the longest
        at_risk = np.maximum(np.cumsum(weights[:, ::-1], axis=1)[:, ::-1], np.finfo(float).tiny)
        survival = np.cumprod(1 - np.where(events, weights / at_risk, 0), axis=1)
        before = np.concatenate([np.ones((len(values), 1)), survival[:, :-1]], axis=1)
        return cls(values, 1 - (before + survival) / 2)

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """Quantiles of each distribution.

        Args:
            levels: Shape (queries, n): the levels asked of each, in [0, 1].

        Returns:
            Shape (queries, n); beyond the observations, the outermost observation.
        """
        return np.stack(
            [np.interp(*row) for row in zip(levels, self.levels, self.values, strict=True)]
        )

    def levels_of(self, values: FloatArray) -> FloatArray:
        """The level of one value in each distribution (its probability integral transform)."""
        rows = zip(values, self.values, self.levels, strict=True)
        return np.array([np.interp(v, xs, ls, left=0.0, right=1.0) for v, xs, ls in rows])
