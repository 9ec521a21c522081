"""The contract of a published predictor that an evaluation prints beside the served one."""

from collections.abc import Sequence
from typing import Protocol

from index_builder.evaluation.predictor import LengthPredictor
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.record import HistoryRecord


class Baseline(LengthPredictor, Protocol):
    """Learns lengths from a history and predicts those of other prompts."""

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Learn. Answers that were cut off count with the length they were cut at, as published.

        Args:
            records: The history, at least one row.
            vectors: Shape (rows, dimension): their prompts as the index holds them, unit length.
        """
        ...
