"""Asks predictors about rows, a handful at a time, and keeps of each row only numbers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index_builder.evaluation.metrics import Interval, PredictedLengths
from index_builder.evaluation.predictor import LengthPredictor, lengths_of
from lengthwise.index.arrays import BoolVector
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord
from lengthwise.prediction import Neighbour

SAME_SIMILARITY = 0.9999
"""Cosine from which a row without text is taken for the very prompt: two passes in bfloat16 were
0.00004 apart at most."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedRows:
    """True and predicted lengths, row by row, in the order in which the rows were asked about.

    Args:
        truth: Shape (rows,): true lengths, in tokens.
        models: The LLM that answered each row; "" where it is not named.
        quantile_levels: Levels at which the index answers, ascending.
        quantile_tokens: Shape (rows, levels): the served predictor's quantiles, in tokens.
        confidence: Shape (rows,): of the served predictor, in [0, 1].
        points: By predictor's name, shape (rows,): predicted length, in tokens; NaN where that
            predictor has no answer, as the LLM's other draws for rows without any.
    """

    truth: FloatArray
    models: tuple[str, ...]
    quantile_levels: tuple[float, ...]
    quantile_tokens: FloatArray
    confidence: FloatArray
    points: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.truth)


class CollectedRows:
    """True lengths and what predictors said, so that memory stays small: no prompt is kept.

    Args:
        index: The one that is evaluated; lends its vectors to the others.
        predictors: Asked about the same rows.
    """

    def __init__(self, index: LengthIndex, predictors: Sequence[LengthPredictor]) -> None:
        self._index = index
        self._predictors = predictors
        self._truth: list[FloatArray] = []
        self._quantiles: list[FloatArray] = []
        self._confidence: list[FloatArray] = []
        self._first: list[BoolVector] = []
        self._by_predictor: dict[str, list[PredictedLengths]] = {p.name: [] for p in predictors}
        self.models: list[str] = []
        self.samples: list[tuple[int, ...]] = []
        self.seen = 0
        self.censored = 0
        self.repeats = 0
        self._asked: set[bytes] = set()

    def ask(self, records: Sequence[HistoryRecord]) -> None:
        """Ask about some more rows; censored ones and repeated prompts are counted and left out."""
        ended = [record for record in records if not record.censored]
        self.censored += len(records) - len(ended)
        known = [record for record in ended if self._is_new(record)]
        self.repeats += len(ended) - len(known)
        if not known:
            return
        queries = [
            Query.from_record(record, neighbour_count=1, include_neighbour_text=True)
            for record in known
        ]
        vectors = self._index.encode([query.prompt for query in queries])
        second = self._index.estimate(self._index.search(vectors, queries), queries)
        # Asked without neighbours, as schedulers do: the first tier knows none.
        asked = [replace(query, neighbour_count=0) for query in queries]
        first = self._index.answered_first(asked)
        self._keep(known, second, first)
        hidden = [without_answer(record) for record in known] if self._predictors else []
        for predictor in self._predictors:
            self._by_predictor[predictor.name].append(predictor.predict(hidden, vectors))

    def _is_new(self, record: HistoryRecord) -> bool:
        """Tell if a row is the first of its prompt, LLM and decoding, and note it."""
        greedy = None if record.temperature is None else record.temperature == 0
        key = f"{record.model}\0{greedy}\0{record.prompt}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(key, digest_size=16).digest()
        new = digest not in self._asked
        self._asked.add(digest)
        return new

    def _keep(
        self,
        known: list[HistoryRecord],
        second: list[LengthEstimate],
        first: list[LengthEstimate | None],
    ) -> None:
        estimates = [one or other for one, other in zip(first, second, strict=True)]
        self._first.append(np.array([one is not None for one in first], bool))
        self._truth.append(lengths_of(known))
        self._quantiles.append(np.array([e.quantile_tokens for e in estimates], float))
        self._confidence.append(np.array([e.confidence for e in estimates], float))
        self.models += [record.model for record in known]
        self.samples += [record.samples for record in known]
        self.seen += sum(
            any(_is_same(record, neighbour) for neighbour in estimate.neighbours)
            for record, estimate in zip(known, second, strict=True)
        )

    @property
    def rows(self) -> int:
        """Rows asked about."""
        return len(self.models)

    @property
    def truth(self) -> FloatArray:
        """Shape (rows,), in tokens."""
        return np.concatenate(self._truth)

    @property
    def quantile_tokens(self) -> FloatArray:
        """Shape (rows, levels): the index's quantiles at its own levels."""
        return np.concatenate(self._quantiles)

    @property
    def confidence(self) -> FloatArray:
        """Shape (rows,): the index's."""
        return np.concatenate(self._confidence)

    @property
    def has_first_tier(self) -> bool:
        """True if the index has a first tier, whatever it answered."""
        return self._index.first_tier is not None

    @property
    def first(self) -> BoolVector:
        """Shape (rows,): those that the first tier answered."""
        return np.concatenate(self._first)

    def predictions(self) -> dict[str, PredictedLengths]:
        """What each of the other predictors said about all rows, by its name."""
        return {name: _joined(parts) for name, parts in self._by_predictor.items()}


def without_answer(record: HistoryRecord) -> HistoryRecord:
    """A record as it was before it was answered: a predictor cannot read what it is to predict."""
    return replace(record, output_tokens=0, samples=())


def _is_same(record: HistoryRecord, neighbour: Neighbour) -> bool:
    """True if a neighbour is that very prompt; without its text, if it lies where that lies."""
    if neighbour.text:
        return neighbour.text == record.prompt
    return neighbour.similarity > SAME_SIMILARITY


def _joined(parts: Sequence[PredictedLengths]) -> PredictedLengths:
    return PredictedLengths(
        np.concatenate([part.point for part in parts]),
        interval_50=_joined_intervals([part.interval_50 for part in parts]),
        interval_90=_joined_intervals([part.interval_90 for part in parts]),
    )


def _joined_intervals(parts: Sequence[Interval | None]) -> Interval | None:
    given = [part for part in parts if part is not None]
    if len(given) < len(parts):
        return None
    return np.concatenate([p[0] for p in given]), np.concatenate([p[1] for p in given])
