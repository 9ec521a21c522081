"""Searches among one LLM's own rows, beside the plain search and the way they were done before."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Row
from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.searcher import NEIGHBOURS
from lengthwise.index.search.vector_search import RowSubset
from lengthwise.index.search.vectors import RECALL_K, VectorIndex, exact_neighbours, recall_of
from testbed.process_tree import resident_mib

LLMS = 20
"""LLMs that share an index, each with equally many rows, drawn at random."""

BATCH = 32
"""Queries in a micro-batch, all of one LLM."""

ROUNDS = {1: 100, BATCH: 10}
"""Searches timed, by queries at once: in every repeat, of each way."""

PROBES_WIDENED = 8
"""Times as many cells were visited in a search with a selector."""

Search = Callable[[FloatMatrix, int], IntMatrix]


@dataclass(frozen=True, slots=True)
class OwnRows:
    """An index whose rows several LLMs share.

    Args:
        index: Of all rows.
        members: Numbers of each LLM's rows.
        subsets: The same, ready to be searched.
        prepare_s: How long making these took.
        prepare_mib: Memory that this process holds since.
    """

    index: VectorIndex
    members: Sequence[IntVector]
    subsets: Sequence[RowSubset]
    prepare_s: float
    prepare_mib: float

    @classmethod
    def shared_by(cls, index: VectorIndex, llms: int) -> "OwnRows":
        """Deal an index's rows out among so many LLMs."""
        owners = np.random.default_rng(0).integers(llms, size=len(index))
        members = [np.flatnonzero(owners == llm) for llm in range(llms)]
        held_mib = resident_mib(os.getpid())
        started_s = time.perf_counter()
        subsets = [index.subset(rows) for rows in members]
        prepare_s = time.perf_counter() - started_s
        return cls(index, members, subsets, prepare_s, resident_mib(os.getpid()) - held_mib)

    def plain(self, llm: int) -> Search:
        """All rows searched, whichever LLM is asked for."""
        del llm
        return lambda queries, k: self.index.search(queries, k)[1]

    def by_subset(self, llm: int) -> Search:
        """An LLM's rows searched by themselves."""
        return lambda queries, k: self.subsets[llm].search(queries, k)[1]

    def by_new_selector(self, llm: int) -> Search:
        """The way before: a selector is made of the row numbers at each search."""
        faiss: Any = import_faiss()
        plan = self.index.plan

        def search(queries: FloatMatrix, k: int) -> IntMatrix:
            selector = faiss.IDSelectorBatch(self.members[llm])
            if plan.kind == "flat":
                parameters = faiss.SearchParameters(sel=selector)
            else:
                probes = min(PROBES_WIDENED * plan.probes, plan.cells)
                inner = faiss.IVFSearchParameters(nprobe=probes, sel=selector)
                parameters = faiss.IndexRefineSearchParameters(
                    k_factor=plan.refinement, base_index_params=inner
                )
            return self.index.faiss_index.search(queries, k, params=parameters)[1]

        return search

    def truth(self, queries: FloatMatrix) -> list[IntMatrix]:
        """The true neighbours among each LLM's rows, of the queries that ask for it."""
        vectors = np.concatenate(list(self.index.stored_vectors()))
        return [
            rows[exact_neighbours(vectors[rows], self._asked(queries, llm), RECALL_K)]
            for llm, rows in enumerate(self.members)
        ]

    def recall(
        self, search_of: Callable[[int], Search], queries: FloatMatrix, truth: Sequence[IntMatrix]
    ) -> float:
        """Share of those true neighbours that were found."""
        found = [
            search_of(llm)(self._asked(queries, llm), RECALL_K) for llm in range(len(self.members))
        ]
        return recall_of(np.concatenate(found), np.concatenate(truth))

    def _asked(self, queries: FloatMatrix, llm: int) -> FloatMatrix:
        return np.ascontiguousarray(queries[llm :: len(self.members)])


def measure_own_rows(own: OwnRows, queries: FloatMatrix, repeats: int) -> list[Row]:
    """Times in turns and the recall of each way: one row by queries at once.

    Args:
        own: What is searched.
        queries: New prompts' vectors; LLMs are asked for in turn.
        repeats: Rounds, in each of which every way is timed.
    """
    truth = own.truth(queries)
    shared: Row = {
        "llms": len(own.members),
        "selector_recall": own.recall(own.by_new_selector, queries, truth),
        "own_recall": own.recall(own.by_subset, queries, truth),
        "prepare_s": own.prepare_s,
        "mib": own.prepare_mib,
    }
    return [{**shared, "batch": batch, **_times(own, queries, batch, repeats)} for batch in ROUNDS]


def _times(own: OwnRows, queries: FloatMatrix, batch: int, repeats: int) -> Row:
    ways: dict[str, Callable[[int], Search]] = {
        "plain": own.plain,
        "selector": own.by_new_selector,
        "own": own.by_subset,
    }
    times = {name: list[float]() for name in ways}
    for _ in range(repeats):
        for name, search_of in ways.items():
            times[name].append(_median_ms(search_of, queries, batch, len(own.members)) / batch)
    return {
        **{f"{name}_ms": Spread.from_values(found) for name, found in times.items()},
        "selector_ratio": ratio_spread(times["selector"], times["plain"]),
        "own_ratio": ratio_spread(times["own"], times["plain"]),
    }


def _median_ms(
    search_of: Callable[[int], Search], queries: FloatMatrix, batch: int, llms: int
) -> float:
    times_ms: list[float] = []
    for i in range(ROUNDS[batch] + 1):
        start = i * batch % (len(queries) - batch + 1)
        search = search_of(i % llms)
        started_s = time.perf_counter()
        search(queries[start : start + batch], NEIGHBOURS)
        times_ms.append((time.perf_counter() - started_s) * 1_000)
    return percentile(times_ms[1:], 0.5)
