"""The least that a predictor can know: which LLM answers."""

from collections.abc import Sequence

import numpy as np

from index_builder.baselines.baseline import lengths_of
from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord

PERCENTILES = (5, 25, 50, 75, 95)


class MedianPeer:
    """The median length of the LLM's own answers, and their central intervals.

    An LLM that is not named or has no history gets those of all answers together.
    """

    name = "median"

    def __init__(self) -> None:
        self._pooled: FloatArray = np.zeros(0)
        self._by_model: dict[str, FloatArray] = {}

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:  # noqa: ARG002
        """Learn; see `Peer.fit`. Vectors are not looked at."""
        lengths = lengths_of(records)
        models = np.array([record.model for record in records], object)
        self._pooled = np.percentile(lengths, PERCENTILES)
        self._by_model = {
            name: np.percentile(lengths[models == name], PERCENTILES) for name in set(models) - {""}
        }

    def predict(
        self,
        records: Sequence[HistoryRecord],
        vectors: FloatMatrix,  # noqa: ARG002  the contract's
    ) -> PredictedLengths:
        """Predict; see `Peer.predict`."""
        found = [self._by_model.get(record.model, self._pooled) for record in records]
        q05, q25, q50, q75, q95 = np.stack(found).T
        return PredictedLengths(q50, interval_50=(q25, q75), interval_90=(q05, q95))
