"""Finds the rows that count for a query: near ones, those of the LLM asked for first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.recent_view import RecentView, look_up
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.vectors import VectorIndex

NEIGHBOURS = 64
SEVERAL_MODELS_NEIGHBOURS = 128
"""Fetched where several LLMs share the index, so that the asked one's rows are among them."""

MIN_OWN = 8
"""With fewer rows of the asked LLM among those found, its own history is searched by itself."""

MAX_STRUCK = 1024
"""Rows fetched at most beyond those wanted, to make up for those that are struck out."""


@dataclass(frozen=True, slots=True)
class PlayedBy:
    """The rows that play new prompts, which must find neither themselves nor their group.

    Args:
        rows: Shape (queries,): the row that plays each query.
        groups: Shape (all rows,): code of each row's group, -1 for none.
    """

    rows: IntVector
    groups: IntVector

    def struck(self, found: IntMatrix) -> NDArray[np.bool_]:
        """Mask of what must not be found, of the shape of `found`."""
        group = self.groups[self.rows][:, None]
        return (found == self.rows[:, None]) | ((self.groups[found] == group) & (group >= 0))

    def most_struck(self) -> int:
        """The most rows that any query may have to strike out, within reason."""
        groups = self.groups[self.rows]
        sizes = np.bincount(self.groups[self.groups >= 0], minlength=1)
        return min(MAX_STRUCK, int(np.where(groups >= 0, sizes[groups], 1).max(initial=1)))

    def part(self, asked: BoolVector) -> "PlayedBy":
        """Some of the queries."""
        return PlayedBy(self.rows[asked], self.groups)


class Searcher:
    """Searches vectors, knowing which LLM answered each.

    Args:
        vectors: The vectors.
        rows: Their columns.
    """

    def __init__(self, vectors: VectorIndex, rows: HistoryRows) -> None:
        self._vectors = vectors
        self._codes = rows.model_codes
        self._models = len(rows.models)
        self._members: dict[int, IntVector] = {}

    def search(
        self,
        queries: FloatMatrix,
        model_codes: IntVector,
        *,
        played_by: PlayedBy | None = None,
        recent: RecentView | None = None,
    ) -> Hits:
        """The nearest rows of each query.

        Args:
            queries: Shape (queries, dimension), rows of unit length.
            model_codes: Shape (queries,): the LLM asked for, -1 for any.
            played_by: The queries are rows of the index, which then see the rest of it just as a
                new prompt sees all of it.
            recent: Rows that came after the build, which are searched as well.
        """
        several = (len(recent.model_codes) if recent else self._models) > 1
        wanted = SEVERAL_MODELS_NEIGHBOURS if several else NEIGHBOURS
        hits = self._nearest(queries, wanted, played_by, recent)
        if not several:
            return hits
        own = (self._codes_of(hits) == model_codes[:, None]) & (hits.rows >= 0)
        lacking = (model_codes >= 0) & (own.sum(axis=1) < MIN_OWN)
        for code in np.unique(model_codes[lacking]):
            asked = lacking & (model_codes == code)
            hits = self._with_own(hits, queries, int(code), asked, played_by)
        return hits

    def _nearest(
        self,
        queries: FloatMatrix,
        k: int,
        played_by: PlayedBy | None,
        recent: RecentView | None,
        code: int | None = None,
    ) -> Hits:
        """The k nearest rows of each query, struck ones left out; with `code`, of that LLM."""
        built = self._nearest_built(queries, k, played_by, code)
        if recent is None:
            return built
        later = Hits(*recent.search(queries, k, code=code))
        return Hits(built.similarities, built.rows, recent).joined(later, k)

    def _nearest_built(
        self, queries: FloatMatrix, k: int, played_by: PlayedBy | None, code: int | None
    ) -> Hits:
        among = None if code is None else self._rows_of(code)
        if among is not None and not len(among):
            return Hits(np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), int))
        fetched = k + (played_by.most_struck() if played_by else 0)
        fetched = max(1, min(fetched, len(self._codes if among is None else among)))
        hits = Hits.from_search(*self._vectors.search(queries, fetched, among=among))
        return hits.without(played_by.struck(hits.rows), k) if played_by else hits

    def _with_own(
        self,
        hits: Hits,
        queries: FloatMatrix,
        code: int,
        asked: BoolVector,
        played_by: PlayedBy | None,
    ) -> Hits:
        """Replace the farthest of some queries' hits by the nearest rows of their own LLM."""
        similarities, rows = hits.similarities.copy(), hits.rows.copy()
        found = self._nearest(
            queries[asked],
            min(NEIGHBOURS, rows.shape[1]),
            played_by.part(asked) if played_by else None,
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

    def _rows_of(self, code: int) -> IntVector:
        """The build's rows of an LLM; none of one that came after it."""
        if code >= self._models:
            return np.zeros(0, np.int64)
        if code not in self._members:
            self._members[code] = np.flatnonzero(self._codes == code)
        return self._members[code]
