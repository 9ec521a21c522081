"""The accuracy of one predictor in parts: by answering LLM and by predicted length."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from index_builder.evaluation.metrics import Interval, PredictedLengths, covered, measure
from lengthwise.index.arrays import BoolVector
from lengthwise.index.length_scale import FloatArray

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
