"""The Gittins rank of a job of unknown length.

The best a scheduler can do for the mean completion time when it knows distributions, not lengths
(Gittins 1989; Aalto, Ayesta and Righter 2009, "On the Gittins index in the M/G/1 queue"): serve the
job that promises the most completions for the time spent on it. A job that is probably short goes
first even if it may turn out long; as its tokens come and it does not end, its rank rises.
"""

from itertools import pairwise

from lengthwise.length_distribution import LengthDistribution


def gittins_rank(distribution: LengthDistribution, generated_tokens: float = 0.0) -> float:
    """Expected tokens spent per completion, at the best moment to stop. Lower goes first.

    With X the tokens that remain: the minimum over d of E[min(X, d)] / P(X <= d). Between two
    points of the distribution this ratio rises and then falls, so its minimum is at a point.

    Args:
        distribution: Of the whole answer's length.
        generated_tokens: Tokens so far, at least 0.

    Returns:
        Tokens, at least 0: of a job of certain length, what remains of it.

    Raises:
        ValueError: If `generated_tokens` is negative, infinite or not a number.
    """
    left = distribution.remaining(generated_tokens)
    spent = left.tokens[0]  # E[min(X, d)], d at the first point
    best = float("inf")
    if left.tokens[0] == 0 and left.levels[1] > 0:
        best = left.tokens[1] / left.levels[1]  # the ratio as d goes to 0
    points = zip(pairwise(left.levels), pairwise(left.tokens), strict=True)
    for (below, level), (short, long) in points:
        spent += (long - short) * (1 - (below + level) / 2)
        if level > 0:
            best = min(best, spent / level)
    return best
