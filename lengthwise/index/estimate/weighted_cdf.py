"""Distributions of many queries at once, each from its own weighted observations.

Censored observations (answers that were cut off) are handled by the product-limit estimator
(Kaplan and Meier 1958): the mass of a cut-off answer moves to the lengths beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import in_columns
from lengthwise.index.length_scale import FloatArray


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
        """Distributions from observations in any order; all arguments have one shape.

        Weights are at least 0, and in each row one is more. An observation of weight 0 is none.
        """
        # What weighs nothing is put at the lowest observation, where it bends no curve.
        key = np.where(weights > 0, values, -np.inf)
        if not censored.any():
            values, weights = _in_order(np.argsort(key, axis=1), key, weights)
            total = np.cumsum(weights, axis=1)
            return cls(values, (total - weights / 2) / total[:, -1:])
        # Of equal lengths, those that ended come first: a cut-off one outlived them.
        order = np.lexsort((censored, key), axis=1)
        values, weights = _in_order(order, key, weights)
        events = ~censored[in_columns(order)]
        events[:, -1] = True  # what outlives every observation is put at the longest
        at_risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
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
        """The level of one value in each distribution (its probability integral transform).

        Where several observations have that very value, the middle of their step.
        """
        rows = zip(values, self.values, self.levels, strict=True)
        return np.array([_middle_level(v, xs, ls) for v, xs, ls in rows])


def interpolated_quantiles(
    wanted: Sequence[float], levels: Sequence[float] | FloatArray, quantiles: FloatArray
) -> FloatArray:
    """Quantiles at some levels, each between two of the given; beyond them, the outermost.

    Args:
        wanted: The levels asked for, in [0, 1].
        levels: The levels given, ascending, in [0, 1].
        quantiles: Shape (distributions, len(levels)): the quantiles given.

    Returns:
        Shape (distributions, len(wanted)).
    """
    place = np.interp(wanted, levels, np.arange(len(levels)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(levels) - 1)
    return quantiles[:, low] + (place - low) * (quantiles[:, high] - quantiles[:, low])


def _in_order(
    order: NDArray[np.intp], key: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Values and weights in an order, each value at least the row's lowest that has weight."""
    lowest = np.where(np.isfinite(key), key, np.inf).min(axis=1, keepdims=True)
    places = in_columns(order)
    return np.maximum(key[places], lowest), weights[places]


def _middle_level(value: float, values: FloatArray, levels: FloatArray) -> float:
    top = np.interp(value, values, levels, left=0.0, right=1.0)
    bottom = -np.interp(-value, -values[::-1], -levels[::-1], left=-1.0, right=0.0)
    return float(top + bottom) / 2
