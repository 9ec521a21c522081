"""How good predicted lengths are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PredictedLengths:
    """One predictor's answers.

    Args:
        point: Shape (rows,): the predicted length, in tokens (the median, where there is one).
        interval_50: Low and high ends of the 50 % interval, each of shape (rows,), if it has any.
        interval_90: The same at 90 %.
    """

    point: FloatArray
    interval_50: tuple[FloatArray, FloatArray] | None = None
    interval_90: tuple[FloatArray, FloatArray] | None = None


@dataclass(frozen=True, slots=True)
class LengthMetrics:
    """Agreement of predicted with true lengths.

    Rank correlations are None where all predictions are equal; coverage and width (mean, in
    tokens) where the predictor gives no intervals.
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

    def to_dict(self) -> dict[str, float | int | None]:
        """As JSON."""
        return asdict(self)


def measure(predicted: PredictedLengths, truth: Sequence[int] | FloatArray) -> LengthMetrics:
    """Compare predictions with true lengths, both in tokens."""
    true = np.asarray(truth, float)
    error = np.abs(predicted.point - true)
    ranked = len(true) > 1 and np.ptp(predicted.point) > 0 and np.ptp(true) > 0
    return LengthMetrics(
        rows=len(true),
        kendall_tau_b=_correlation(kendalltau, predicted.point, true) if ranked else None,
        spearman=_correlation(spearmanr, predicted.point, true) if ranked else None,
        mae=float(error.mean()),
        median_ae=float(np.median(error)),
        within_50=float((error <= 50).mean()),
        within_100=float((error <= 100).mean()),
        coverage_50=_coverage(predicted.interval_50, true),
        coverage_90=_coverage(predicted.interval_90, true),
        width_50=_width(predicted.interval_50),
        width_90=_width(predicted.interval_90),
    )


def _correlation(of: Any, predicted: FloatArray, true: FloatArray) -> float:
    return float(of(predicted, true).statistic)


def _coverage(interval: tuple[FloatArray, FloatArray] | None, true: FloatArray) -> float | None:
    """Share of true lengths inside; the ends are rounded, since lengths are whole."""
    if interval is None:
        return None
    low, high = np.rint(interval[0]), np.rint(interval[1])
    return float(((true >= low) & (true <= high)).mean())


def _width(interval: tuple[FloatArray, FloatArray] | None) -> float | None:
    return None if interval is None else float((interval[1] - interval[0]).mean())
