"""The contract of a predictor that an evaluation prints beside the served one."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord


class Peer(Protocol):
    """Learns lengths from a history and predicts those of other prompts."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in an evaluation."""
        ...

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Learn. Answers that were cut off count with the length they were cut at, as published.

        Args:
            records: The history, at least one row.
            vectors: Shape (rows, dimension): their prompts as the index holds them, unit length.
        """
        ...

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Predict; to be called after `fit`.

        Args:
            records: At least one row; their lengths and further draws must not be read.
            vectors: As for `fit`.
        """
        ...


def lengths_of(records: Sequence[HistoryRecord]) -> FloatArray:
    """Output lengths, in tokens: shape (rows,)."""
    return np.array([record.output_tokens for record in records], float)
