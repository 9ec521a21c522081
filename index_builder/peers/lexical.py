"""Gradient-boosted trees on what can be counted in a prompt's text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from index_builder.metrics import PredictedLengths
from index_builder.peers.peer import lengths_of
from index_builder.peers.prompt_features import NAMES, first_word, prompt_features
from length_index.arrays import FloatMatrix
from length_index.length_scale import FloatArray, to_log, to_tokens
from length_index.record import HistoryRecord

CATEGORIES = 200
"""First words and LLMs told apart, the commonest ones; the trees hold at most 255."""

OTHER = 0
TREES = 300
LEARNING_RATE = 0.06
LEAVES = 24


class LexicalPeer:
    """A predictor without any language model: the LLM, the first word, and counts.

    Args:
        seed: Of the rows set aside to know when to stop.
    """

    name = "lexical"

    def __init__(self, *, seed: int = 0) -> None:
        self._words: Mapping[str, int] = {}
        self._models: Mapping[str, int] = {}
        categorical: Any = [len(NAMES), len(NAMES) + 1]
        self._trees = HistGradientBoostingRegressor(
            loss="absolute_error",
            max_iter=TREES,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=LEAVES,
            categorical_features=categorical,
            random_state=seed,
        )

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:  # noqa: ARG002
        """Learn; see `Peer.fit`. Vectors are not looked at."""
        self._words = _commonest(first_word(record.prompt) for record in records)
        self._models = _commonest(record.model for record in records if record.model)
        # A tree is many tiny steps: where another process takes one of the cores, threads that wait
        # for each other after each are far slower than one.
        with threadpool_limits(1, user_api="openmp"):
            self._trees.fit(self._features(records), to_log(lengths_of(records)))

    def predict(
        self,
        records: Sequence[HistoryRecord],
        vectors: FloatMatrix,  # noqa: ARG002  the contract's
    ) -> PredictedLengths:
        """Predict; see `Peer.predict`."""
        with threadpool_limits(1, user_api="openmp"):
            answers: Any = self._trees.predict(self._features(records))
        return PredictedLengths(to_tokens(answers))

    def _features(self, records: Sequence[HistoryRecord]) -> FloatArray:
        words = [self._words.get(first_word(record.prompt), OTHER) for record in records]
        models = [self._models.get(record.model, OTHER) for record in records]
        counted = prompt_features([record.prompt for record in records])
        return np.column_stack([counted, words, models])


def _commonest(values: Iterable[str]) -> dict[str, int]:
    """A number for each of the commonest values; the others share one."""
    found = Counter(values).most_common(CATEGORIES)
    return {value: i for i, (value, _) in enumerate(found, OTHER + 1)}
