"""A small encoder, histories and indexes for tests in which the model does not matter."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS, LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.manifest import EncoderIdentity, Manifest


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of unit length, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class BagOfWords:
    """A prompt is the sum of its words' vectors, each drawn from the word's hash."""

    name = "bag-of-words"
    runtime = "fake"

    def __init__(self, dimension: int = 64, content_hash: str = "b0w" * 8) -> None:
        self.dimension = dimension
        self.content_hash = content_hash
        self.encoded = 0
        self.prepared = 0
        self._words: dict[str, np.ndarray] = {}

    def _word(self, word: str) -> np.ndarray:
        if word not in self._words:
            seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
            self._words[word] = np.random.default_rng(seed).normal(size=self.dimension)
        return self._words[word]

    def prepare(self) -> None:
        self.prepared += 1

    def encode(self, prompts: Sequence[str]) -> np.ndarray:
        self.encoded += len(prompts)
        if not prompts:
            return np.zeros((0, self.dimension), np.float32)
        return unit(np.stack([sum(map(self._word, p.split() or ["<empty>"])) for p in prompts]))


class Source(list[HistoryRecord]):
    """Records in memory, as a builder reads them."""

    fingerprint = "f1n9e5"


TOPICS = 8


def topic_prompt(topic: int, rng: random.Random) -> str:
    """A prompt of a topic: three words that say which, and three of a hundred that do not."""
    own = [f"topic{topic}-{part}" for part in "abc"]
    return " ".join([*own, *(f"filler{rng.randrange(100)}" for _ in range(3))])


def topic_history(rows: int, *, seed: int = 0, model: str = "llm", factor: float = 1.0) -> Source:
    """Prompts of eight topics, whose answers have 20 to 2,560 tokens, give or take a quarter."""
    rng = random.Random(seed)
    made = Source()
    for i in range(rows):
        topic = i % TOPICS
        tokens = round(20 * 2**topic * factor * rng.lognormvariate(0, 0.25))
        made.append(HistoryRecord(topic_prompt(topic, rng), tokens, model, f"{model}-{i}"))
    return made


def manifest_of(
    rows: int, encoder: Encoder, levels: tuple[float, ...] = DEFAULT_QUANTILE_LEVELS
) -> Manifest:
    """A manifest for an index that is nowhere on disk."""
    return Manifest(
        version="in-memory",
        encoder=EncoderIdentity(encoder.name, encoder.content_hash, encoder.dimension),
        rows=rows,
        skipped_rows=0,
        data_fingerprint="",
        search=VectorIndex.build(np.ones((1, 2), np.float32)).plan,
        quantile_levels=levels,
        keeps_text=True,
        created_unix_s=0.0,
        created_by="tests",
    )


def index_of(
    records: Iterable[HistoryRecord],
    encoder: BagOfWords | None = None,
    *,
    levels: tuple[float, ...] = DEFAULT_QUANTILE_LEVELS,
    fitted: FittedEstimator | None = None,
    keeps_text: bool = True,
) -> LengthIndex:
    """An index over records, fitted unless told how to weigh."""
    records, encoder = list(records), encoder or BagOfWords()
    matrix = encoder.encode([r.prompt for r in records])
    vectors, rows = VectorIndex.build(matrix), HistoryRows.from_records(records)
    fitted = fitted or fit_estimator(matrix, rows, Searcher(vectors, rows)).estimator
    manifest = replace(manifest_of(len(records), encoder, levels), keeps_text=keeps_text)
    return LengthIndex(manifest, encoder, vectors, rows, fitted)
