"""An index with a first tier in memory, fitted as a build fits it."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.estimate.fitting import Fit, fit_estimator
from lengthwise.index.first_tier.first_tier import TierParts
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.first_tier.student import Student
from lengthwise.index.first_tier.tier_fitting import TierCandidate, TierFit, fit_first_tier
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from tests.lengthwise.index.fakes import BagOfWords, manifest_of, unit
from tests.lengthwise.index.topic_student import topic_student


class TopicsAndWords(BagOfWords):
    """Lays prompts of one topic near each other, apart by their other words."""

    def __init__(self):
        super().__init__()
        self._topics = topic_student().encoder
        self.dimension += self._topics.dimension

    def encode(self, prompts):
        if not prompts:
            return np.zeros((0, self.dimension), np.float32)
        return unit(np.hstack([self._topics.encode(prompts), 0.4 * super().encode(prompts)]))


@dataclass(frozen=True)
class Tiered:
    """The index and how it came to be; `tier` is None where no threshold kept the loss."""

    index: LengthIndex
    encoder: TopicsAndWords
    fit: Fit
    tier: TierFit | None


def tiered_index(
    records: list[HistoryRecord],
    student: Student,
    *,
    allowed_loss: float = 0.01,
    repeats: RepeatTable | None = None,
) -> Tiered:
    """An index of records, with the student before it as far as the loss allows."""
    encoder = TopicsAndWords()
    prompts = [record.prompt for record in records]
    matrix = encoder.encode(prompts)
    vectors, rows = VectorIndex.build(matrix), HistoryRows.from_records(records)
    fit = fit_estimator(matrix, rows, Searcher(vectors, rows))
    known = KnownPrompts.from_prompts(prompts)
    candidate = TierCandidate(student, known, dict(enumerate(prompts)), allowed_loss)
    tier = fit_first_tier(candidate, fit, rows)
    index = LengthIndex(
        manifest_of(len(records), encoder),
        encoder,
        vectors,
        rows,
        fit.estimator,
        repeats=repeats,
        first_tier=None if tier is None else TierParts(student, tier.fitted, known),
    )
    encoder.encoded = 0
    return Tiered(index, encoder, fit, tier)
