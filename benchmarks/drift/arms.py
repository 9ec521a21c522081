"""Ways to serve predictions through the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index_builder.evaluation.metrics import PredictedLengths, measure
from index_builder.rebuild.comparison import predicted
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store import Published


@dataclass(frozen=True, slots=True)
class Score:
    """How well some rows were predicted.

    Args:
        tau: Kendall's tau-b of predicted medians and true lengths, in [-1, 1].
        mae: Mean absolute error, in tokens.
        coverage: Share inside the 90 % interval.
    """

    tau: float
    mae: float
    coverage: float


class Arm:
    """An index that is served, and what was predicted with it in the present hour.

    Args:
        index: The version that is served first.
        learns: It takes reported rows in at once, as the service does.
    """

    def __init__(self, index: LengthIndex, *, learns: bool = False) -> None:
        self._index = index
        self._learns = learns
        self._parts: list[PredictedLengths] = []

    @property
    def version(self) -> str:
        """Of the index that is served."""
        return self._index.version

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Predict rows that just came."""
        rows = VectorRows(HistoryRows.from_records(records), vectors)
        self._parts.append(predicted(self._index, rows, vectors))

    def reported(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Their true lengths are known."""
        if self._learns:
            self._index.add_recent(records, vectors)

    def follow(self, place: Published, cache: Path, encoder: Encoder) -> None:
        """Serve the current version; rows that were learnt and are not in it come along."""
        version = place.current()
        if version is None or version == self.version:
            return
        recent = self._index.recent
        snapshot = recent.snapshot if recent is not None else None
        self._index = LengthIndex.load(place.fetch(version, cache), encoder=encoder)
        if snapshot is not None:
            built = self._index.built_with([record.key for record in snapshot.records])
            kept = [i for i, r in enumerate(snapshot.records) if r.key not in built]
            self._index.add_recent([snapshot.records[i] for i in kept], snapshot.vectors[kept])

    def scores(self, truths: Sequence[FloatArray]) -> list[Score]:
        """How the hour's predictions did against one truth or another; the hour is over."""
        point = np.concatenate([part.point for part in self._parts])
        intervals = [part.interval_90 for part in self._parts if part.interval_90 is not None]
        low = np.concatenate([interval[0] for interval in intervals])
        high = np.concatenate([interval[1] for interval in intervals])
        self._parts = []
        joined = PredictedLengths(point, interval_90=(low, high))
        found = [measure(joined, truth) for truth in truths]
        return [Score(m.kendall_tau_b or 0.0, m.mae, m.coverage_90 or 0.0) for m in found]
