"""A history as a training takes it: token ids, plain features, LLMs, and what is made of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from index_builder.training.lessons import Lesson
from index_builder.training.network import HeadModule
from index_builder.training.targets import Bins
from lengthwise.history.split import is_validation
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.estimate.prior import SHRINKAGE_ROWS
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Prompts that are learnt from, or that are predicted to see how well it goes.

    Args:
        token_ids: Of each prompt, with special tokens.
        features: Shape (prompts, features): plain features, standardised.
        places: Shape (prompts,): where the LLM of each stands among those of the head.
    """

    token_ids: tuple[list[int], ...]
    features: FloatMatrix
    places: IntVector

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each prompt."""
        return [len(ids) for ids in self.token_ids]


@dataclass(frozen=True, slots=True)
class LlmOffsets:
    """How far each LLM's usual length lies from that of all, on the log scale.

    Args:
        models: Names of the LLMs, in alphabetical order.
        values: Shape (len(models) + 1,): that of an unknown LLM, 0, then theirs.
    """

    models: tuple[str, ...]
    values: FloatArray

    @classmethod
    def from_records(cls, records: Sequence[HistoryRecord]) -> "LlmOffsets":
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


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """What is trained, on what.

    Args:
        encoder: From token ids and mask to vectors, as `EncoderModule`; trained in place, from the
            weights that it has.
        head: Trained in place, from the weights that it has.
        rows: Those that are learnt from.
        lesson: What is to be said of each of `rows`.
        validation: Predicted after every pass; may be empty.
        validation_records: The rows of the history that `validation` was made of.
        bins: Of the lengths, on the log scale, without the offsets.
        offsets: Shape (LLMs + 1,): usual length of each on the log scale.
        mask_id: The token that stands for a hidden one.
        forget_model: Share of rows whose LLM is hidden, so that an unknown one is learnt as well.
    """

    encoder: nn.Module
    head: HeadModule
    rows: TrainingRows
    lesson: Lesson
    validation: TrainingRows
    validation_records: Sequence[HistoryRecord]
    bins: Bins
    offsets: FloatArray
    mask_id: int
    forget_model: float = 0.0
