"""How good predicted lengths are, and what an order by them brings to those who wait."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from lengthwise.index.arrays import BoolVector, IntVector
from lengthwise.index.length_scale import FloatArray

CLASS_PERCENTILES = (25, 50, 75, 99)
"""Where SSJF cuts lengths into its five classes (Qiu et al. 2024, arXiv 2404.08509)."""

Interval = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class PredictedLengths:
    """One predictor's answers.

    Args:
        point: Shape (rows,): the predicted length, in tokens (the median, where there is one).
        interval_50: Low and high ends of the 50 % interval, each of shape (rows,), if it has any.
        interval_90: The same at 90 %.
    """

    point: FloatArray
    interval_50: Interval | None = None
    interval_90: Interval | None = None


@dataclass(frozen=True, slots=True)
class LengthMetrics:
    """Agreement of predicted with true lengths.

    Rank correlations are None where all predictions are equal; coverage and width (mean, in
    tokens) where the predictor gives no intervals; class accuracy where no edges were given; the
    gain of shortest first (see `shortest_first_gain`) where all lengths are equal.
    """

    rows: int
    kendall_tau_b: float | None
    spearman: float | None
    mae: float
    median_ae: float
    within_50: float
    within_100: float
    coverage_50: float | None
    coverage_90: float | None
    width_50: float | None
    width_90: float | None
    class_accuracy: float | None = None
    shortest_first_gain: float | None = None

    def to_dict(self) -> dict[str, float | int | None]:
        """As JSON."""
        return asdict(self)


def measure(
    predicted: PredictedLengths,
    truth: Sequence[int] | FloatArray,
    edges: FloatArray | None = None,
) -> LengthMetrics:
    """Compare predictions with true lengths, both in tokens.

    Args:
        predicted: What one predictor said of some rows.
        truth: Shape (rows,): their true lengths, in tokens.
        edges: Of the length classes, as `class_edges` gives them.
    """
    true = np.asarray(truth, float)
    error = np.abs(predicted.point - true)
    return LengthMetrics(
        rows=len(true),
        kendall_tau_b=kendall_tau_b(predicted.point, true),
        spearman=_correlation(spearmanr, predicted.point, true),
        mae=mean_absolute_error(predicted.point, true),
        median_ae=float(np.median(error)),
        within_50=float((error <= 50).mean()),
        within_100=float((error <= 100).mean()),
        coverage_50=_coverage(predicted.interval_50, true),
        coverage_90=_coverage(predicted.interval_90, true),
        width_50=_width(predicted.interval_50),
        width_90=_width(predicted.interval_90),
        class_accuracy=None if edges is None else class_accuracy(predicted.point, true, edges),
        shortest_first_gain=shortest_first_gain(predicted.point, true),
    )


def kendall_tau_b(predicted: FloatArray, truth: FloatArray) -> float | None:
    """Agreement in order (Kendall 1945); None where one of the two has nothing to order."""
    return _correlation(kendalltau, predicted, truth)


def mean_absolute_error(predicted: FloatArray, truth: FloatArray) -> float:
    """How far predictions are off, in tokens."""
    return float(np.abs(predicted - truth).mean())


def within_factor_2(predicted: PredictedLengths, truth: FloatArray) -> float:
    """Share of rows whose true length is within a factor of two of the predicted one."""
    return float(((truth >= predicted.point / 2) & (truth <= predicted.point * 2)).mean())


def class_edges(lengths: Sequence[int] | IntVector | FloatArray) -> FloatArray:
    """Ends of SSJF's length classes in a history: its 25th, 50th, 75th and 99th percentiles."""
    return np.percentile(np.asarray(lengths, float), CLASS_PERCENTILES)


def class_accuracy(predicted: FloatArray, truth: FloatArray, edges: FloatArray) -> float:
    """Share of rows whose predicted length lies in the class of the true one.

    Args:
        predicted: Shape (rows,): predicted lengths, in tokens.
        truth: Shape (rows,): true lengths, in tokens.
        edges: Ascending; a length on an edge belongs to the class above it.
    """
    return float((np.digitize(predicted, edges) == np.digitize(truth, edges)).mean())


def covered(interval: Interval, true: FloatArray) -> BoolVector:
    """Which true lengths lie inside; the ends are rounded, since lengths are whole."""
    low, high = np.rint(interval[0]), np.rint(interval[1])
    return (true >= low) & (true <= high)


def _correlation(of: Any, predicted: FloatArray, true: FloatArray) -> float | None:
    ranked = len(true) > 1 and np.ptp(predicted) > 0 and np.ptp(true) > 0
    return float(of(predicted, true).statistic) if ranked else None


def _coverage(interval: Interval | None, true: FloatArray) -> float | None:
    return None if interval is None else float(covered(interval, true).mean())


def _width(interval: Interval | None) -> float | None:
    return None if interval is None else float((interval[1] - interval[0]).mean())


def shortest_first_gain(predicted: FloatArray, truth: FloatArray) -> float | None:
    """How much of what the oracle takes off the mean wait an order by prediction takes off.

    All rows wait for one server, which takes as long for each as its answer has tokens: the burst
    in which shortest first gains most. 0 is what any order without a prediction gains on average,
    1 is the order of the true lengths. Rows of equal prediction are served in random order.

    Args:
        predicted: Shape (rows,): predicted lengths, of which only the order counts.
        truth: Shape (rows,): true lengths, in tokens.

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
