"""What a search found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import FloatMatrix, IntMatrix
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.repeats.repeated_lengths import RepeatedLengths
from lengthwise.index.search.recent_view import RecentView

REPEAT_SIMILARITY = 0.98
"""From here on a past prompt is the same one, or a form with another slot."""

AROUND = 8
"""Nearest rows whose mean similarity tells how near the history is."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The nearest rows of each query, nearest first.

    Args:
        similarities: Shape (queries, k), cosine; -1 where there is no row.
        rows: Shape (queries, k); -1 where fewer than k rows were found.
        recent: What row numbers beyond those of the build stand for; None if nothing came after it.
        queries: Shape (queries, dimension): what was searched for, which a trained head reads too.
        repeated: Lengths of the very same prompts beside those of rows; None if there are none.
    """

    similarities: FloatMatrix
    rows: IntMatrix
    recent: RecentView | None = None
    queries: FloatMatrix | None = None
    repeated: RepeatedLengths | None = None

    @classmethod
    def from_search(cls, similarities: FloatMatrix, rows: IntMatrix) -> "Hits":
        """From what FAISS gives, which has the lowest of all floats where there is no row."""
        return cls(np.where(rows >= 0, similarities, np.float32(-1)), rows)

    def __len__(self) -> int:
        return len(self.rows)

    def without(self, unwanted: NDArray[np.bool_], k: int) -> "Hits":
        """The k nearest of each query that are not `unwanted` (a mask of the same shape)."""
        kept = np.where(unwanted | (self.rows < 0), -np.inf, self.similarities)
        order = np.argsort(-kept, axis=1, kind="stable")[:, :k]
        similarities = np.take_along_axis(kept, order, axis=1)
        rows = np.take_along_axis(self.rows, order, axis=1)
        found = np.isfinite(similarities)
        return Hits(
            np.where(found, similarities, -1).astype(np.float32),
            np.where(found, rows, -1),
            self.recent,
        )

    def joined(self, others: "Hits", k: int) -> "Hits":
        """The k nearest of each query among both, which share no row."""
        both = Hits(
            np.concatenate([self.similarities, others.similarities], axis=1),
            np.concatenate([self.rows, others.rows], axis=1),
            self.recent,
        )
        return both.without(np.zeros(both.rows.shape, bool), k)

    def first(self, k: int) -> "Hits":
        """The k nearest of each query."""
        return Hits(self.similarities[:, :k], self.rows[:, :k], self.recent)

    def nearest(self) -> FloatArray:
        """How similar the nearest past prompt of each query is, shape (queries,); -1 for none."""
        similarities = self.similarities[:, 0].astype(float)
        return (
            similarities
            if self.repeated is None
            else np.where(self.repeated.any, 1.0, similarities)
        )

    def nearness(self) -> FloatArray:
        """How near the history is to each query, shape (queries,); -1 where nothing was found.

        The mean similarity of the eight nearest, since one lucky hit is not enough; but a repeated
        prompt is near, whatever else there is.
        """
        nearest = self.similarities[:, 0].astype(float)
        found = self.rows[:, :AROUND] >= 0
        total = np.where(found, self.similarities[:, :AROUND], 0).sum(axis=1, dtype=float)
        around = np.where(found[:, 0], total / np.maximum(found.sum(axis=1), 1), -1.0)
        near = np.where(nearest > REPEAT_SIMILARITY, nearest, around)
        return near if self.repeated is None else np.where(self.repeated.any, 1.0, near)
