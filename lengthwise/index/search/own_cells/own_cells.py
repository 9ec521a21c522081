"""Rows of an index in cells of their own."""

from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.faiss_library import ADD_ROWS, import_faiss
from lengthwise.index.search.own_cells.cells_file import StoredCells
from lengthwise.index.search.plan import SearchPlan

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


class OwnCells:
    """Rows in cells of their own, each as a 4-bit code; full vectors stay in the whole index.

    Cells learnt from these rows hold some of them each, where those of the whole index may hold
    none near a query. The codes are the whole index's again: 96 bytes a row at 384 dimensions.

    Args:
        index: Of FAISS, all rows: cells refined by full vectors.
        plan: How that index is searched: as many candidates are compared again here.
        coded: Of FAISS, these rows in their cells, by their numbers in that index.
    """

    def __init__(self, index: Any, plan: SearchPlan, coded: Any) -> None:
        faiss = import_faiss()
        self.coded = coded
        self._whole = index  # whose full vectors are read in each search
        self._rows = int(coded.ntotal)
        # FAISS wants equally many in both when it puts them together: none.
        coded.ntotal = 0
        empty = faiss.IndexScalarQuantizer(
            index.d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index = faiss.IndexRefine(coded, empty)
        coded.ntotal = self._rows
        self._index.refine_index = index.refine_index
        self._index.ntotal = index.ntotal
        probes = min(coded.nlist, -(-VISITED_ROWS * coded.nlist // self._rows))
        self._parameters = refined(plan, faiss.IVFSearchParameters(nprobe=probes))

    @classmethod
    def trained(cls, index: Any, plan: SearchPlan, rows: IntVector) -> "OwnCells":
        """Learn cells from rows and put them in: 0.4 s of CPU time for 20,000 of them.

        Args:
            index: Of FAISS, all rows: cells refined by full vectors.
            plan: How that index is searched.
            rows: Their numbers in that index, ascending, shape (rows,).
        """
        cells = int(2 ** np.floor(np.log2(len(rows) / ROWS_PER_CELL)))
        coded = _empty_cells(index, _centroids(index.refine_index, rows, cells))
        for start in range(0, len(rows), ADD_ROWS):
            piece = rows[start : start + ADD_ROWS]
            coded.add_with_ids(index.refine_index.reconstruct_batch(piece), piece)
        return cls(index, plan, coded)

    @classmethod
    def from_stored(cls, index: Any, plan: SearchPlan, stored: StoredCells) -> "OwnCells":
        """Take the cells that the build made of an LLM's rows.

        Args:
            index: Of FAISS, all rows: cells refined by full vectors.
            plan: How that index is searched.
            stored: Of rows of that index.

        Raises:
            ArtifactAlteredError: They are not such cells.
        """
        coded = _empty_cells(index, stored.centroids)
        lists = stored.lists(coded.code_size)
        coded.replace_invlists(lists, True)
        lists.this.disown()  # it belongs to the index now
        coded.ntotal = int(stored.sizes.sum())
        return cls(index, plan, coded)

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


def refined(plan: SearchPlan, inner: Any) -> Any:
    """Parameters of a search whose candidates are compared again by their full vectors.

    Args:
        plan: Says how many of them are compared.
        inner: FAISS's parameters of the search that finds them.
    """
    return import_faiss().IndexRefineSearchParameters(
        k_factor=plan.refinement, base_index_params=inner
    )
