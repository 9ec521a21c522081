"""Searches among chosen rows of an index: what they need is made once, not at each search."""

from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.nearest_rows import nearest_rows
from lengthwise.index.search.own_cells.cells_file import StoredCells
from lengthwise.index.search.own_cells.own_cells import OwnCells, refined
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.vector_search import RowSubset

FEW_ROWS = 256
"""Up to here the vectors are fetched and compared in each search: nothing is kept, however many
LLMs have so few rows. To fetch one takes 1.4 microseconds: more of them would take longer than a
search of all rows."""

MUCH_SHARE = 1 / 4
"""From this share of all rows on, the index itself is searched with a selector of one bit a row;
cells of their own would nearly double the codes."""

WIDER = 4
"""Times as many cells are then visited: of each, down to a quarter of the rows counts."""


def needs_own_cells(plan: SearchPlan, rows: int, total: int) -> bool:
    """Whether so many rows of an index are searched in cells of their own.

    Args:
        plan: How the index is searched.
        rows: How many of its rows are chosen.
        total: How many rows the index has.
    """
    return plan.kind == "ivf" and FEW_ROWS < rows < MUCH_SHARE * total


def subset_of(
    index: Any, plan: SearchPlan, rows: IntVector, stored: StoredCells | None = None
) -> RowSubset:
    """Prepare rows of an index to be searched by themselves.

    Args:
        index: Of FAISS, as `plan` describes it.
        plan: How the index was built and is searched.
        rows: Numbers of the rows, ascending.
        stored: Cells that the build made of them; None if it made none.
    """
    faiss = import_faiss()
    rows = np.ascontiguousarray(rows, np.int64)
    if plan.kind == "flat":
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorArray(rows))
        return SelectedRows(index, parameters, len(rows))
    if len(rows) <= FEW_ROWS:
        return FewRows(index.refine_index, rows)
    if not needs_own_cells(plan, len(rows), index.ntotal):
        probes = min(WIDER * plan.probes, plan.cells)
        selector = faiss.IDSelectorBitmap(_bits(rows, index.ntotal))
        parameters = refined(plan, faiss.IVFSearchParameters(nprobe=probes, sel=selector))
        return SelectedRows(index, parameters, len(rows))
    if stored is not None:
        return OwnCells.from_stored(index, plan, stored)
    return OwnCells.trained(index, plan, rows)


class SelectedRows:
    """Rows that a selector of FAISS tells apart from the others.

    Args:
        index: Of FAISS; holds these rows and all others.
        parameters: Of a search, the selector among them.
        rows: How many rows it selects.
    """

    def __init__(self, index: Any, parameters: Any, rows: int) -> None:
        self._index = index
        self._parameters = parameters
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """See `RowSubset`."""
        return self._index.search(
            np.ascontiguousarray(queries, np.float32), k, params=self._parameters
        )


class FewRows:
    """Rows so few that all are compared.

    Args:
        vectors: Index of FAISS that gives vectors back.
        rows: Their numbers in that index, in any order.
    """

    def __init__(self, vectors: Any, rows: IntVector) -> None:
        self._vectors = vectors
        self._numbers = rows

    def __len__(self) -> int:
        return len(self._numbers)

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """See `RowSubset`."""
        vectors = self._vectors.reconstruct_batch(self._numbers)
        found, places = nearest_rows(vectors, queries, k)
        similarities = np.full((len(queries), k), np.finfo(np.float32).min, np.float32)
        rows = np.full((len(queries), k), -1)
        similarities[:, : found.shape[1]] = found
        rows[:, : found.shape[1]] = self._numbers[places]
        return similarities, rows


def _bits(rows: IntVector, total: int) -> Any:
    """One bit for each of all rows, the lowest of a byte first; set for those given."""
    chosen = np.zeros(total, np.bool_)
    chosen[rows] = True
    return np.packbits(chosen, bitorder="little")
