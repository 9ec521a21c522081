"""The mean of a length distribution, of which a few absurd lengths are no part.

A mean follows its farthest value: three rows of a hundred that say 90,000 tokens double that of an
answer of 60, though they move no quantile up to the 90th. So what lies far beyond the others is
counted as lying at a fence (winsorised: Dixon 1960), which the middle and the 90 % quantile set.
"""

import numpy as np

from lengthwise.index.length_scale import FloatArray, to_log, to_tokens

FENCE_REACH = 2.0
"""Where the fence is: so many times as far above the median as the 90 % quantile, on the log scale.
On a normal distribution there that is 2.6 standard deviations, beyond its 99 % quantile at 2.3."""

HIGH_LEVEL = 0.9
"""The quantile that sets the fence; more than a tenth of absurd lengths would move it."""


def robust_mean(grid: FloatArray) -> FloatArray:
    """Mean of each distribution, in tokens, shape (distributions,).

    Args:
        grid: Shape (distributions, n): quantiles in tokens at levels of equal distance, ascending.
    """
    count = grid.shape[1]
    middle, high = (to_log(grid[:, int(level * count)]) for level in (0.5, HIGH_LEVEL))
    fence = to_tokens(middle + FENCE_REACH * (high - middle))
    return np.minimum(grid, fence[:, None]).mean(axis=1)
