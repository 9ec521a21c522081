"""Finds the rows that count for a query: near ones, those of the LLM asked for first."""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.recent_view import RecentView, look_up
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.subset import FEW_ROWS
from lengthwise.index.search.vector_search import RowSubset, VectorSearch

NEIGHBOURS = 64
"""Rows fetched for a query: the most that the fitting may let count."""

FETCHED_PER_COUNTED = 2
"""Rows fetched for each that counts: what counts are those of the highest weight, and one of many
answers to the same prompt has less of it than its nearness would give."""

SEVERAL_MODELS_NEIGHBOURS = 128
"""Fetched where several LLMs share the index, so that the asked one's rows are among them."""

MIN_OWN = 8
"""With fewer rows of the asked LLM among those found, its own history is searched by itself."""

MAX_EXCLUDED = 1024
"""Rows fetched at most beyond those wanted, to make up for those that are left out."""


def rows_to_fetch(counted: int, asked: int) -> int:
    """How many rows a query needs where all are one LLM's.

    Args:
        counted: So many count for an estimate.
        asked: So many are named in the answer.
    """
    return min(NEIGHBOURS, max(FETCHED_PER_COUNTED * counted, asked))


@dataclass(frozen=True, slots=True)
class LeaveGroupOut:
    """Leave-one-group-out: rows that stand in for new prompts find neither themselves nor kin.

    Args:
        rows: Shape (queries,): the row that stands in for each query.
        groups: Shape (all rows,): code of each row's group, -1 for none.
    """

    rows: IntVector
    groups: IntVector

    def excluded(self, found: IntMatrix) -> NDArray[np.bool_]:
        """Mask of what must not be found, of the shape of `found`."""
        group = self.groups[self.rows][:, None]
        return (found == self.rows[:, None]) | ((self.groups[found] == group) & (group >= 0))

    def most_excluded(self) -> int:
        """The most rows that any query may have to leave out, within reason."""
        groups = self.groups[self.rows]
        sizes = np.bincount(self.groups[self.groups >= 0], minlength=1)
        return min(MAX_EXCLUDED, int(np.where(groups >= 0, sizes[groups], 1).max(initial=1)))

    def part(self, asked: BoolVector) -> "LeaveGroupOut":
        """Some of the queries."""
        return LeaveGroupOut(self.rows[asked], self.groups)


class Searcher:
    """Searches vectors, knowing which LLM answered each.

    Args:
        vectors: Of the past prompts, row i belonging to row i of `rows`.
        rows: Tell which LLM answered each past prompt.
    """

    def __init__(self, vectors: VectorSearch, rows: HistoryRows) -> None:
        self._vectors = vectors
        self._codes = rows.model_codes
        self._names = rows.models
        self._models = len(rows.models)
        self._subsets: dict[int, RowSubset | None] = {}
        self._making = threading.Lock()

    def search(
        self,
        queries: FloatMatrix,
        model_codes: IntVector,
        *,
        leave_out: LeaveGroupOut | None = None,
        recent: RecentView | None = None,
        neighbours: int = NEIGHBOURS,
    ) -> Hits:
        """The nearest rows of each query.

        Args:
            queries: Shape (queries, dimension), rows of unit length.
            model_codes: Shape (queries,): the LLM asked for, -1 for any.
            leave_out: The queries are rows of the index, which then see the rest of it just as a
                new prompt sees all of it.
            recent: Rows that came after the build, which are searched as well.
            neighbours: Rows to find for each, where all are one LLM's.
        """
        several = (len(recent.model_codes) if recent else self._models) > 1
        wanted = SEVERAL_MODELS_NEIGHBOURS if several else neighbours
        hits = self._nearest(queries, wanted, leave_out, recent)
        if not several:
            return hits
        own = (self._codes_of(hits) == model_codes[:, None]) & (hits.rows >= 0)
        lacking = (model_codes >= 0) & (own.sum(axis=1) < MIN_OWN)
        for code in np.unique(model_codes[lacking]):
            asked = lacking & (model_codes == code)
            hits = self._with_own(hits, queries, int(code), asked, leave_out)
        return hits

    def prepare(self) -> None:
        """Make now what searches among an LLM's own rows need, or the first of each makes it.

        Where the build made it, that is to map it; else 0.4 s of CPU time for an LLM with 20,000
        rows. Of LLMs with few rows there is nothing to make.
        """
        if self._models > 1:
            for code in np.flatnonzero(np.bincount(self._codes) > FEW_ROWS):
                self._subset_of(int(code))

    def _nearest(
        self,
        queries: FloatMatrix,
        k: int,
        leave_out: LeaveGroupOut | None,
        recent: RecentView | None,
        code: int | None = None,
    ) -> Hits:
        """The k nearest rows of each query that it may find; with `code`, of that LLM."""
        built = self._nearest_built(queries, k, leave_out, code)
        if recent is None:
            return built
        later = Hits(*recent.search(queries, k, code=code))
        return Hits(built.similarities, built.rows, recent).joined(later, k)

    def _nearest_built(
        self, queries: FloatMatrix, k: int, leave_out: LeaveGroupOut | None, code: int | None
    ) -> Hits:
        searched = self._vectors if code is None else self._subset_of(code)
        if searched is None:
            return Hits(np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), int))
        fetched = k + (leave_out.most_excluded() if leave_out else 0)
        rows = len(self._codes) if code is None else len(searched)
        fetched = max(1, min(fetched, rows))
        hits = Hits.from_search(*searched.search(queries, fetched))
        return hits.without(leave_out.excluded(hits.rows), k) if leave_out else hits

    def _with_own(
        self,
        hits: Hits,
        queries: FloatMatrix,
        code: int,
        asked: BoolVector,
        leave_out: LeaveGroupOut | None,
    ) -> Hits:
        """Replace the farthest of some queries' hits by the nearest rows of their own LLM."""
        similarities, rows = hits.similarities.copy(), hits.rows.copy()
        found = self._nearest(
            queries[asked],
            min(NEIGHBOURS, rows.shape[1]),
            leave_out.part(asked) if leave_out else None,
            hits.recent,
            code,
        )
        own = self._codes_of(hits)[asked] == code
        others = Hits(similarities[asked], rows[asked]).without(
            own, rows.shape[1] - found.rows.shape[1]
        )
        merged = others.joined(found, rows.shape[1])
        similarities[asked], rows[asked] = merged.similarities, merged.rows
        return Hits(similarities, rows, hits.recent)

    def _codes_of(self, hits: Hits) -> IntMatrix:
        return look_up(self._codes, hits.recent and hits.recent.codes, hits.rows)

    def _subset_of(self, code: int) -> RowSubset | None:
        """The build's rows of an LLM; None of one that came after it."""
        if code >= self._models:
            return None
        if code not in self._subsets:
            # One after the other, so that no two threads make the same one.
            with self._making:
                if code not in self._subsets:
                    rows = np.flatnonzero(self._codes == code)
                    self._subsets[code] = (
                        self._vectors.subset(rows, self._names[code]) if len(rows) else None
                    )
        return self._subsets[code]
