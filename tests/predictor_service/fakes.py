"""A small index that answers by rule, waits when told to and remembers what it was asked."""

import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.record import RowKey
from lengthwise.index.search.recent import RecentRows
from lengthwise.index.store import Published
from lengthwise.index.summary import IndexSummary, ModelSummary
from lengthwise.prediction import Neighbour
from predictor_service.drift.promise import Promises

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
KNOWN_MODEL = "vicuna-7b"
POISON = "poison"


class FakeIndex:
    """Predicts ten tokens per character of the prompt."""

    def __init__(self, version: str = "v1") -> None:
        self.version = version
        self.recent: RecentRows | None = None
        self.encoded: list[list[str]] = []
        self.searched: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None

    @property
    def prompts(self) -> list[str]:
        return [prompt for batch in self.encoded for prompt in batch]

    def built_with(self, keys: Collection[RowKey]) -> frozenset[RowKey]:
        return frozenset()

    def longest_tokens(self, model: str) -> int | None:
        return None

    def answered_first(self, queries: Sequence[Query]) -> list[LengthEstimate | None]:
        return [None] * len(queries)

    def encode(self, prompts: Sequence[str]) -> Any:
        self.encoded.append(list(prompts))
        self.entered.release()
        assert self.gate.wait(20), "the test never opened the gate"
        if self.error is not None:
            raise self.error
        if POISON in prompts:
            raise RuntimeError(f"cannot encode {POISON}")
        return np.array([[len(prompt)] for prompt in prompts], np.float32)

    def search(self, vectors: Any, queries: Sequence[Query]) -> Any:
        assert len(vectors) == len(queries)
        self.searched.append([query.prompt for query in queries])
        return vectors

    def estimate(self, hits: Any, queries: Sequence[Query]) -> list[LengthEstimate]:
        return [
            self._estimate(float(row[0]), query) for row, query in zip(hits, queries, strict=True)
        ]

    def _estimate(self, chars: float, query: Query) -> LengthEstimate:
        limit = query.max_tokens or 10**9
        tokens = tuple(min(chars * 20 * level, limit) for level in LEVELS)
        return LengthEstimate(
            expected_tokens=min(chars * 10, limit),
            quantile_levels=LEVELS,
            quantile_tokens=tokens,
            confidence=0.75,
            basis="neighbours",
            nearness=0.5,
            neighbours=tuple(
                Neighbour(
                    id=f"row-{i}",
                    similarity=0.5,
                    output_tokens=100 + i,
                    model=KNOWN_MODEL,
                    text="a past prompt" if query.include_neighbour_text else "",
                )
                for i in range(query.neighbour_count)
            ),
            model_known=query.model == KNOWN_MODEL,
        )

    def info(self) -> IndexSummary:
        return IndexSummary(
            version=self.version,
            schema_version=1,
            encoder="fake",
            encoder_hash="0" * 64,
            dimension=1,
            metric="cosine",
            search="flat",
            rows=2,
            created_unix_s=1_700_000_000.0,
            models=(ModelSummary(KNOWN_MODEL, 2, 100.0, 200.0),),
            quantile_levels=LEVELS,
        )


class FakeVersions(Published):
    """A source of versions and, in one, the place that they lie in; each test's own says which."""

    promised = Promises()

    @property
    def place(self) -> Published:
        return self

    def promises(self, version: str) -> Promises:
        return self.promised

    def prepare_thread(self, *, wide: bool = False) -> None:
        pass

    def fetch(self, version: str, into: Path = Path()) -> Path:
        return into

    def state_of(self, version: str) -> str:
        return ""

    def make_current(self, version: str) -> None:
        pass

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        raise AssertionError("the service publishes nothing")

    def _remove(self, version: str) -> None:
        raise AssertionError("the service removes nothing")


class FakeSource(FakeVersions):
    """Gives the indexes it was given, one after the other, then the last again.

    Its place names the version that it would give next.
    """

    def __init__(self, *indexes: FakeIndex | Exception) -> None:
        self.indexes = list(indexes)

    def current(self) -> str | None:
        return getattr(self.indexes[0], "version", "broken")

    def versions(self) -> list[str]:
        return [index.version for index in self.indexes if isinstance(index, FakeIndex)]

    def load(self, version: str | None = None) -> FakeIndex:
        index = self.indexes.pop(0) if len(self.indexes) > 1 else self.indexes[0]
        if isinstance(index, Exception):
            raise index
        return index
