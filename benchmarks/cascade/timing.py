"""How fast an index answers, in batches and one prompt at a time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.harness.spread import percentile
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.index import LengthIndex

BATCH = 32
"""Prompts in a micro-batch."""

SINGLE = 100
"""Prompts that are timed alone."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What the rounds gave for one index.

    Args:
        rates: Predictions per second in batches of BATCH.
        p50_ms: Median time of a prompt alone.
    """

    rates: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])

    def add_round(self, index: LengthIndex, queries: Sequence[Query]) -> None:
        """Measure once more."""
        batches = [queries[i : i + BATCH] for i in range(0, len(queries), BATCH)]
        self.rates.append(len(queries) / sum(seconds(index, batch) for batch in batches))
        alone = [1_000 * seconds(index, [query]) for query in queries[:SINGLE]]
        self.p50_ms.append(percentile(alone, 0.5))


def seconds(index: LengthIndex, queries: Sequence[Query]) -> float:
    """What one call of `predict` takes."""
    began_s = time.perf_counter()
    index.predict(queries)
    return time.perf_counter() - began_s


def repeat_us(index: LengthIndex, queries: Sequence[Query]) -> tuple[float, float]:
    """What it takes to tell that prompts were asked before, by their text and by a search.

    Args:
        index: Whose history is looked through.
        queries: At least `BATCH`; as many are asked about at a time.

    Returns:
        Microseconds for each prompt: of a look-up by digest, of a search with a ready vector.
    """
    asked = queries[: len(queries) // BATCH * BATCH]
    known = KnownPrompts.from_prompts(index.rows.table.column("prompt").to_pylist())
    vectors = index.encode([query.prompt for query in asked])
    by_text_s = by_search_s = 0.0
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        began_s = time.perf_counter()
        known.holds([query.prompt for query in batch])
        told_s = time.perf_counter()
        index.search(vectors[start : start + BATCH], batch)
        by_text_s += told_s - began_s
        by_search_s += time.perf_counter() - told_s
    return 1e6 * by_text_s / len(asked), 1e6 * by_search_s / len(asked)
