"""ALISE's predictor: lengths of similar past prompts, a small network where nothing is similar."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from index_builder.evaluation.metrics import PredictedLengths
from index_builder.evaluation.predictor import lengths_of
from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.vectors import exact_neighbours

NEIGHBOURS = 8
"""How many are averaged. The paper names neither this number nor the threshold: of 1 to 64
neighbours and thresholds from 0 to 0.9, these two err least on answers of Vicuna-7B (6,000 prompts
learnt, 2,000 others asked about)."""

SIMILARITY_THRESHOLD = 0.8
"""The cosine from which one counts as similar, chosen together with NEIGHBOURS."""

HIDDEN = (256, 64)
"""Widths of the network's layers; the paper says only that it is small."""

MAX_EPOCHS = 60
"""Passes at most, where rows are too few to stop early."""

MIN_EARLY_STOPPING_ROWS = 200
"""With fewer rows the tenth that is kept apart says too little to stop by."""

NETWORK_ROWS = 30_000
"""The network learns from a sample of at most so many rows, in half a minute."""


class AliseBaseline:
    """ALISE (Zhao and Wang 2024, arXiv 2410.23537, section 3.1).

    The predicted length is the mean length of the nearest past prompts, weighted by their cosine
    similarity; where the best similarity is under a threshold, a multi-layer perceptron on the
    embedding answers. The embedding is the index's own rather than BERT's. Where the LLM asked for
    has history, only its rows are searched.

    Args:
        neighbours: How many past prompts are averaged.
        threshold: Cosine similarity that the nearest must have.
        seed: Decides the network's first weights and which rows it sees.
    """

    name = "alise"

    def __init__(
        self,
        *,
        neighbours: int = NEIGHBOURS,
        threshold: float = SIMILARITY_THRESHOLD,
        seed: int = 0,
    ) -> None:
        self._neighbours = neighbours
        self._threshold = threshold
        self._seed = seed
        self._vectors: FloatMatrix = np.zeros((0, 0), np.float32)
        self._lengths: FloatArray = np.zeros(0)
        self._members: dict[str, IntVector] = {}
        self._network = MLPRegressor()

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Learn; see `Baseline.fit`."""
        self._vectors = vectors
        self._lengths = lengths_of(records)
        models = np.array([record.model for record in records], object)
        self._members = {name: np.flatnonzero(models == name) for name in set(models) - {""}}
        self._network = _network(vectors, to_log(self._lengths), self._seed)

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Predict; see `LengthPredictor.predict`."""
        models = np.array([record.model for record in records], object)
        point = np.empty(len(records))
        for name in set(models):
            asked = np.flatnonzero(models == name)
            point[asked] = self._predict_among(self._members.get(name), vectors[asked])
        return PredictedLengths(point)

    def _predict_among(self, members: IntVector | None, queries: FloatMatrix) -> FloatArray:
        """Lengths of prompts, out of the rows of one LLM; None means all rows."""
        several = members is not None and len(members) < len(self._vectors)
        among = self._vectors[members] if several else self._vectors
        lengths = self._lengths[members] if several else self._lengths
        rows = exact_neighbours(among, queries, min(self._neighbours, len(among)))
        similarities = np.einsum("qd,qkd->qk", queries, among[rows])
        # A negative weight would push away from a length rather than towards another.
        weights = np.maximum(similarities, 1e-6).astype(float)
        point = (weights * lengths[rows]).sum(axis=1) / weights.sum(axis=1)
        alone: BoolVector = similarities.max(axis=1) < self._threshold
        if alone.any():
            answers: Any = self._network.predict(queries[alone])
            point[alone] = to_tokens(answers)
        return point


def _network(vectors: FloatMatrix, log_lengths: FloatArray, seed: int) -> MLPRegressor:
    """A perceptron from embedding to log length, stopped early where rows are enough to tell."""
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        early_stopping=len(vectors) >= MIN_EARLY_STOPPING_ROWS,
        n_iter_no_change=5,
        max_iter=MAX_EPOCHS,
        random_state=seed,
    )
    if len(vectors) > NETWORK_ROWS:
        sample = np.random.default_rng(seed).choice(len(vectors), NETWORK_ROWS, replace=False)
        vectors, log_lengths = vectors[sample], log_lengths[sample]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last epoch is as good as any
        return network.fit(vectors, log_lengths)
