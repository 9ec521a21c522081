"""What an order by predicted length brings to those who wait."""

import numpy as np

from lengthwise.index.estimate.length_scale import FloatArray


def shortest_first_gain(predicted: FloatArray, truth: FloatArray) -> float | None:
    """How much of what the oracle takes off the mean wait an order by prediction takes off.

    All rows wait for one server, which takes as long for each as its answer has tokens: the burst
    in which shortest first gains most. 0 is what any order without a prediction gains on average,
    1 is the order of the true lengths. Rows of equal prediction are served in random order.

    Args:
        predicted: Shape (rows,).
        truth: Shape (rows,).

    Returns:
        At most 1; None where all true lengths are equal and no order gains anything.
    """
    if np.ptp(truth) == 0:
        return None
    unordered = _total_wait(np.full(len(truth), truth.mean()))
    best = _total_wait(np.sort(truth))
    return float((unordered - _total_wait(_served(predicted, truth))) / (unordered - best))


def _served(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Lengths in the order of service.

    Those of equal prediction as their mean, which leaves the expected wait as it is.
    """
    _, group, count = np.unique(predicted, return_inverse=True, return_counts=True)
    means = np.bincount(group, truth) / count
    return np.repeat(means, count)


def _total_wait(served: FloatArray) -> float:
    """Of all rows, in tokens: each waits for those before it."""
    return float((np.cumsum(served) - served).sum())
