"""The mean of a length distribution, of which a few absurd lengths are no part.

A mean follows its farthest value: three rows of a hundred that say 90,000 tokens double that of an
answer of 60, though they move no quantile up to the 90th. So what lies far beyond the others is
counted as lying at a fence (winsorised: Dixon 1960), which the middle of the distribution sets, and
which is never under what many of the LLM's answers reach.
"""

import numpy as np

from lengthwise.index.length_scale import FloatArray, to_log, to_tokens

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
