"""The accuracy of an index's predictions apart by the tier that made them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from index_builder.evaluation.breakdown import part_of
from index_builder.evaluation.metrics import PredictedLengths, measure, within_factor_2
from lengthwise.index.arrays import BoolVector
from lengthwise.index.length_scale import FloatArray
from lengthwise.prediction import Tier


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
        tier: _accuracy(part_of(predicted, mask), truth[mask], confidence[mask], len(truth))
        for tier, mask in masks.items()
        if mask.any()
    }


def _accuracy(
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
