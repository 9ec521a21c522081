"""The contract of whatever an evaluation may ask beside the index."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord


class LengthPredictor(Protocol):
    """Predicts the lengths of answers, having learnt whatever it needs."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in an evaluation."""
        ...

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Predict.

        Args:
            records: At least one row; their lengths and further draws must not be read.
            vectors: Shape (rows, dimension): their prompts as the index holds them, unit length.
        """
        ...


def lengths_of(records: Sequence[HistoryRecord]) -> FloatArray:
    """Output lengths, in tokens: shape (rows,)."""
    return np.array([record.output_tokens for record in records], float)
