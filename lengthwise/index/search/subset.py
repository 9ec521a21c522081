"""Searches among chosen rows of an index: what they need is made once, not at each search."""

from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.faiss_library import ADD_ROWS, import_faiss
from lengthwise.index.search.nearest_rows import nearest_rows
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

ROWS_PER_CELL = 128
"""In cells of their own: codes lie in blocks of 32, so that an eighth of the room stays unused."""

VISITED_ROWS = 12_288
"""Rows whose codes are compared in a search of cells of their own (`benchmarks.search` measures
recall and time)."""

TRAINING_ROWS_PER_CELL = 32
"""Rows that k-means learns such cells from, for each; it need not be exact, since many cells are
visited."""

CELL_ITERATIONS = 5
"""Passes of that k-means."""


def subset_of(index: Any, plan: SearchPlan, rows: IntVector) -> RowSubset:
    """Prepare rows of an index to be searched by themselves.

    Args:
        index: Of FAISS, as `plan` describes it.
        plan: How the index was built and is searched.
        rows: Numbers of the rows, ascending.
    """
    faiss = import_faiss()
    rows = np.ascontiguousarray(rows, np.int64)
    if plan.kind == "flat":
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorArray(rows))
        return SelectedRows(index, parameters, len(rows))
    if len(rows) <= FEW_ROWS:
        return FewRows(index.refine_index, rows)
    if len(rows) >= MUCH_SHARE * index.ntotal:
        probes = min(WIDER * plan.probes, plan.cells)
        selector = faiss.IDSelectorBitmap(_bits(rows, index.ntotal))
        parameters = _refined(plan, faiss.IVFSearchParameters(nprobe=probes, sel=selector))
        return SelectedRows(index, parameters, len(rows))
    return OwnCells(index, plan, rows)


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


class OwnCells:
    """Rows in cells of their own, each as a 4-bit code; full vectors stay in the whole index.

    Cells learnt from these rows hold some of them each, where those of the whole index may hold
    none near a query. The codes are the whole index's again: 96 bytes a row at 384 dimensions.

    Args:
        index: Of FAISS, all rows: cells refined by full vectors.
        plan: How that index is searched: as many candidates are compared again here.
        rows: Their numbers in that index, ascending.
    """

    def __init__(self, index: Any, plan: SearchPlan, rows: IntVector) -> None:
        faiss = import_faiss()
        cells = int(2 ** np.floor(np.log2(len(rows) / ROWS_PER_CELL)))
        self._whole = index  # whose full vectors are read in each search
        self._rows = len(rows)
        own = _empty_cells(index, _centroids(index.refine_index, rows, cells))
        # FAISS wants equally many in both when it puts them together: none.
        empty = faiss.IndexScalarQuantizer(
            index.d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index = faiss.IndexRefine(own, empty)
        for start in range(0, len(rows), ADD_ROWS):
            piece = rows[start : start + ADD_ROWS]
            own.add_with_ids(index.refine_index.reconstruct_batch(piece), piece)
        self._index.refine_index = index.refine_index
        self._index.ntotal = index.ntotal
        probes = min(cells, -(-VISITED_ROWS * cells // len(rows)))
        self._parameters = _refined(plan, faiss.IVFSearchParameters(nprobe=probes))

    def __len__(self) -> int:
        return self._rows

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """See `RowSubset`."""
        return self._index.search(
            np.ascontiguousarray(queries, np.float32), k, params=self._parameters
        )


def _centroids(vectors: Any, rows: IntVector, cells: int) -> FloatMatrix:
    """Centres of cells that hold about equally many of the rows: shape (cells, dimension)."""
    faiss = import_faiss()
    rng = np.random.default_rng(0)
    wanted = min(len(rows), TRAINING_ROWS_PER_CELL * cells)
    sample = np.sort(rng.choice(rows, wanted, replace=False))
    kmeans = faiss.Kmeans(
        vectors.d,
        cells,
        niter=CELL_ITERATIONS,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=TRAINING_ROWS_PER_CELL,
    )
    kmeans.train(vectors.reconstruct_batch(sample))
    return kmeans.centroids


def _empty_cells(index: Any, centroids: FloatMatrix) -> Any:
    """An index of FAISS like that within `index`, with other cells and without rows."""
    faiss = import_faiss()
    cells, dimension = centroids.shape
    coded = faiss.downcast_index(index.base_index)
    quantiser = faiss.IndexFlatIP(dimension)
    quantiser.add(centroids)
    own = faiss.IndexIVFPQFastScan(
        quantiser, dimension, cells, coded.pq.M, coded.pq.nbits, faiss.METRIC_INNER_PRODUCT
    )
    own.by_residual = coded.by_residual
    own.pq = coded.pq
    own.is_trained = True
    return own


def _refined(plan: SearchPlan, inner: Any) -> Any:
    return import_faiss().IndexRefineSearchParameters(
        k_factor=plan.refinement, base_index_params=inner
    )


def _bits(rows: IntVector, total: int) -> Any:
    """One bit for each of all rows, the lowest of a byte first; set for those given."""
    chosen = np.zeros(total, np.bool_)
    chosen[rows] = True
    return np.packbits(chosen, bitorder="little")
