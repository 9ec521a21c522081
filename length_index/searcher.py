"""Finds the rows that count for a query: near ones, those of the LLM asked for first."""

import numpy as np

from length_index.arrays import FloatMatrix, IntVector
from length_index.hits import Hits
from length_index.rows import HistoryRows
from length_index.vectors import VectorIndex

NEIGHBOURS = 64
SEVERAL_MODELS_NEIGHBOURS = 128
"""Fetched where several LLMs share the index, so that the asked one's rows are among them."""

MIN_OWN = 8
"""With fewer rows of the asked LLM among those found, its own history is searched by itself."""


class Searcher:
    """Searches vectors, knowing which LLM answered each.

    Args:
        vectors: The vectors.
        rows: Their columns.
    """

    def __init__(self, vectors: VectorIndex, rows: HistoryRows) -> None:
        self._vectors = vectors
        self._codes = rows.model_codes
        self._several = len(rows.models) > 1
        self._members: dict[int, IntVector] = {}

    def search(self, queries: FloatMatrix, model_codes: IntVector, *, extra: int = 0) -> Hits:
        """The nearest rows of each query.

        Args:
            queries: Shape (queries, dimension), rows of unit length.
            model_codes: Shape (queries,): the LLM asked for, -1 for any.
            extra: Rows to fetch beyond those that count.
        """
        wanted = (SEVERAL_MODELS_NEIGHBOURS if self._several else NEIGHBOURS) + extra
        k = max(1, min(wanted, len(self._codes)))
        hits = Hits(*self._vectors.search(queries, k))
        if not self._several:
            return hits
        own = (self._codes[hits.rows] == model_codes[:, None]) & (hits.rows >= 0)
        for code in np.unique(
            model_codes[(model_codes >= 0) & (own.sum(axis=1) < MIN_OWN + extra)]
        ):
            asked = (model_codes == code) & (own.sum(axis=1) < MIN_OWN + extra)
            hits = self._with_own(hits, queries, int(code), asked, extra)
        return hits

    def _with_own(
        self, hits: Hits, queries: FloatMatrix, code: int, asked: np.ndarray, extra: int
    ) -> Hits:
        """Replace the farthest of some queries' hits by the nearest rows of their own LLM."""
        if code not in self._members:
            self._members[code] = np.flatnonzero(self._codes == code)
        k = min(NEIGHBOURS + extra, hits.rows.shape[1], len(self._members[code]))
        found = self._vectors.search(queries[asked], k, among=self._members[code])
        similarities, rows = hits.similarities.copy(), hits.rows.copy()
        others = self._codes[rows[asked]] != code
        kept = Hits(similarities[asked], rows[asked]).without(~others, rows.shape[1] - k)
        merged = Hits(
            np.concatenate([kept.similarities, found[0]], axis=1),
            np.concatenate([kept.rows, found[1]], axis=1),
        ).without(np.zeros((int(asked.sum()), rows.shape[1]), bool), rows.shape[1])
        similarities[asked], rows[asked] = merged.similarities, merged.rows
        return Hits(similarities, rows)
