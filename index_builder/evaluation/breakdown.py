"""The accuracy of one predictor in parts: by answering LLM, by predicted length and by tier."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from index_builder.evaluation.metrics import (
    Interval,
    PredictedLengths,
    covered,
    measure,
    within_factor_2,
)
from lengthwise.index.arrays import BoolVector
from lengthwise.index.length_scale import FloatArray
from lengthwise.prediction import Tier

DECILES = 10
"""Parts of the rows by predicted length: tenths."""


@dataclass(frozen=True, slots=True)
class ModelAccuracy:
    """How well the lengths of one LLM's answers were predicted; None as in `LengthMetrics`."""

    rows: int
    kendall_tau_b: float | None
    mae: float
    coverage_90: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """As JSON."""
        return asdict(self)


def accuracy_by_model(
    predicted: PredictedLengths, truth: FloatArray, models: Sequence[str]
) -> dict[str, ModelAccuracy]:
    """Accuracy for each answering LLM, in the order of their names; "" is where none is named."""
    names = np.array(models, object)
    return {name: _accuracy(predicted, truth, names == name) for name in sorted(set(models))}


def _accuracy(predicted: PredictedLengths, truth: FloatArray, chosen: BoolVector) -> ModelAccuracy:
    found = measure(part_of(predicted, chosen), truth[chosen])
    return ModelAccuracy(found.rows, found.kendall_tau_b, found.mae, found.coverage_90)


def part_of(predicted: PredictedLengths, chosen: BoolVector) -> PredictedLengths:
    """The medians and 90 % intervals of some rows."""
    return PredictedLengths(
        predicted.point[chosen], interval_90=_part(predicted.interval_90, chosen)
    )


def _part(interval: Interval | None, chosen: BoolVector) -> Interval | None:
    return None if interval is None else (interval[0][chosen], interval[1][chosen])


def coverage_90_by_decile(
    predicted: PredictedLengths, truth: FloatArray
) -> tuple[float | None, ...]:
    """Share of true lengths inside the 90 % interval, for each tenth of the rows.

    Args:
        predicted: The tenths are taken by its predicted length, shortest first.
        truth: Shape (rows,): true lengths, in tokens.

    Returns:
        Ten shares; None where there are no intervals, or fewer than ten rows.
    """
    if predicted.interval_90 is None or len(truth) < DECILES:
        return (None,) * DECILES
    inside = covered(predicted.interval_90, truth)
    tenths = np.array_split(np.argsort(predicted.point, kind="stable"), DECILES)
    return tuple(float(inside[tenth].mean()) for tenth in tenths)


@dataclass(frozen=True, slots=True)
class TierAccuracy:
    """How well one tier's predictions were; None as in `LengthMetrics`.

    Args:
        rows: How many rows it answered.
        share: Those of all rows, in (0, 1].
        kendall_tau_b: Of its rows alone, which the tiers do not share out evenly.
        mae: Mean absolute error of its medians, in tokens.
        coverage_90: Share of the true lengths inside its 90 % intervals.
        mean_confidence: To be held against `within_factor_2`.
        within_factor_2: Share of its rows within a factor of two of the predicted median.
    """

    rows: int
    share: float
    kendall_tau_b: float | None
    mae: float
    coverage_90: float | None
    mean_confidence: float
    within_factor_2: float

    def to_dict(self) -> dict[str, float | int | None]:
        """As JSON."""
        return asdict(self)


def accuracy_by_tier(
    predicted: PredictedLengths, truth: FloatArray, confidence: FloatArray, first: BoolVector
) -> dict[Tier, TierAccuracy]:
    """Accuracy of each tier that answered any row.

    Args:
        predicted: Served medians and intervals, row by row.
        truth: Shape (rows,): true lengths, in tokens.
        confidence: Shape (rows,): stated with the predictions, in [0, 1].
        first: Shape (rows,): those that the first tier answered.
    """
    masks: Mapping[Tier, BoolVector] = {"first": first, "second": ~first}
    return {
        tier: _tier_accuracy(part_of(predicted, mask), truth[mask], confidence[mask], len(truth))
        for tier, mask in masks.items()
        if mask.any()
    }


def _tier_accuracy(
    predicted: PredictedLengths, truth: FloatArray, confidence: FloatArray, rows: int
) -> TierAccuracy:
    found = measure(predicted, truth)
    return TierAccuracy(
        rows=found.rows,
        share=found.rows / rows,
        kendall_tau_b=found.kendall_tau_b,
        mae=found.mae,
        coverage_90=found.coverage_90,
        mean_confidence=float(confidence.mean()),
        within_factor_2=within_factor_2(predicted, truth),
    )
