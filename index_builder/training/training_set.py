"""A history as the network takes it: token ids, plain features, LLMs, lengths."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from index_builder.build.split import is_validation
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.estimate.length_scale import FloatArray, to_log
from lengthwise.index.estimate.prior import SHRINKAGE_ROWS
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Rows that are learnt from, or that are predicted to see how well it goes."""

    records: tuple[HistoryRecord, ...]
    token_ids: tuple[list[int], ...]
    features: FloatMatrix

    def __len__(self) -> int:
        return len(self.records)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each prompt."""
        return [len(ids) for ids in self.token_ids]


@dataclass(frozen=True, slots=True)
class LlmOffsets:
    """How far each LLM's usual length lies from that of all, on the log scale.

    Args:
        models: Their names.
        values: Shape (len(models) + 1,): that of an unknown LLM, 0, then theirs.
    """

    models: tuple[str, ...]
    values: FloatArray

    @classmethod
    def of(cls, records: Sequence[HistoryRecord]) -> "LlmOffsets":
        """From the medians of a history; LLMs with few rows lean on the pool."""
        lengths = to_log(np.array([r.output_tokens for r in records], float))
        centre = np.median(lengths)
        counts = Counter(r.model for r in records if r.model)
        models = tuple(sorted(counts))
        names = np.array([r.model for r in records], dtype=object)
        own = [np.median(lengths[names == m]) - centre for m in models]
        trust = [counts[m] / (counts[m] + SHRINKAGE_ROWS) for m in models]
        return cls(models, np.array([0.0, *np.multiply(own, trust)]))

    def places(self, records: Iterable[HistoryRecord]) -> IntVector:
        """Where each record's LLM stands in `values`; 0 if unknown."""
        known = {name: i for i, name in enumerate(self.models, 1)}
        return np.array([known.get(r.model, 0) for r in records], np.int64)


def split_records(
    records: Iterable[HistoryRecord], share: float, seed: int
) -> tuple[list[HistoryRecord], list[HistoryRecord]]:
    """Rows to learn from and rows to validate with, those of one prompt or group together."""
    learnt: list[HistoryRecord] = []
    validation: list[HistoryRecord] = []
    for record in records:
        (validation if is_validation(record, share, seed) else learnt).append(record)
    return learnt, validation
