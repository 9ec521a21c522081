"""The parts of a trained index, each alone: what would be lost without the other."""

from collections.abc import Sequence

from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

HEAD_ALONE, NEIGHBOURS_ALONE = "head_alone", "neighbours_alone"
"""Their names in an evaluation's JSON."""


class HeadAlone:
    """The trained head, whatever is near.

    Args:
        index: A trained one, whose head is asked.
    """

    name = HEAD_ALONE

    def __init__(self, index: LengthIndex) -> None:
        self._index = index

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Its medians."""
        medians = self._index.head_medians(vectors, queries_of(records))
        assert medians is not None, "made for indexes with a head"  # noqa: S101
        return PredictedLengths(medians)


class NeighboursAlone:
    """Retrieval in the trained space, without the head.

    Args:
        index: A trained one, whose rows are searched.
    """

    name = NEIGHBOURS_ALONE

    def __init__(self, index: LengthIndex) -> None:
        self._index = index

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Medians of the neighbours."""
        return PredictedLengths(self._index.neighbour_medians(vectors, queries_of(records)))


def parts_of(index: LengthIndex) -> tuple[HeadAlone | NeighboursAlone, ...]:
    """The parts of a trained index; of another there is only one, which is the whole."""
    if index.manifest.training is None:
        return ()
    return (HeadAlone(index), NeighboursAlone(index))


def queries_of(records: Sequence[HistoryRecord]) -> list[Query]:
    """What the index is asked about them."""
    return [Query.from_record(record) for record in records]
