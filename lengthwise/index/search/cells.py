"""Trains the cells in which many vectors are searched, and the codes within them."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.mapped import copied

TRAINING_ROWS_PER_CELL = 64
"""Rows that k-means learns the cells from, for each cell; FAISS itself asks for 39 at least."""

CODE_ITERATIONS = 8
"""Passes of k-means over each of the codes' many small tables, which settle early."""

TWO_STEP_CELLS = 2_048
"""From so many on, cells are found in two steps: groups first, then the cells of each group. At
once the work grows with the square of the cells, in two steps and one pass over all of them it is
an eighth of that for 4,096."""

GRAPH_CELLS = 8_192
"""From so many on (3.7 million rows), the nearest cells are found by a graph of their centres
(HNSW, Malkov and Yashunin 2018): in a third of the time that comparing with each of 8,192 takes; at
4,096 it gains next to nothing. One row in 60 goes to a cell that is not the nearest for it."""

GRAPH_NEIGHBOURS = 32
"""Links of a centre in the graph, as FAISS recommends for coarse quantisers."""

GROUP_ITERATIONS = 10
"""Passes of k-means that find groups, and cells within each."""

LAST_ITERATIONS = 1
"""Passes over all cells at the end, which let points at a group's edge go to the nearest cell."""


def trained_cells(vectors: FloatMatrix, cells: int) -> Any:
    """An empty FAISS index by inner product that is ready to take vectors.

    Args:
        vectors: Shape (rows, dimension), rows of unit length; only a sample of them is read.
        cells: Of the coarse quantiser, at least 1 and no more than rows.
    """
    faiss = import_faiss()
    dimension = vectors.shape[1]
    codes = dimension // 2 if dimension % 2 == 0 else dimension
    coarse = f"IVF{cells}" if cells < GRAPH_CELLS else f"IVF{cells}_HNSW{GRAPH_NEIGHBOURS}"
    index = faiss.index_factory(
        dimension, f"{coarse},PQ{codes}x4fs,Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT
    )
    points = _sample(vectors, TRAINING_ROWS_PER_CELL * cells)
    ivf = faiss.downcast_index(faiss.extract_index_ivf(index.base_index))
    if cells >= TWO_STEP_CELLS:
        ivf.quantizer.add(_in_two_steps(points, cells))
    else:
        # FAISS warns on the error stream of few points per cell, which a small index means to have.
        ivf.cp.min_points_per_centroid = 1
        ivf.train_q1(len(points), faiss.swig_ptr(points), False, ivf.metric_type)
    ivf.pq.cp.niter = CODE_ITERATIONS
    with _one_thread():
        index.train(points)
    return index


def _sample(vectors: FloatMatrix, at_most: int) -> FloatMatrix:
    rng = np.random.default_rng(0)
    count = min(len(vectors), at_most)
    return copied(vectors, np.sort(rng.choice(len(vectors), count, replace=False)))


def _in_two_steps(points: FloatMatrix, cells: int) -> FloatMatrix:
    """Centres of cells, shape (cells, dimension)."""
    groups = 2 ** (round(np.log2(cells)) // 2)
    with _one_thread():
        centres = _k_means(points, groups, GROUP_ITERATIONS)
        nearest = np.concatenate(
            [(part @ centres.T).argmax(axis=1) for part in np.array_split(points, groups)]
        )
        found = [
            _k_means(points[nearest == group], share, GROUP_ITERATIONS)
            for group, share in enumerate(shares(np.bincount(nearest, minlength=groups), cells))
            if share
        ]
    return _k_means(points, cells, LAST_ITERATIONS, np.concatenate(found))


def shares(sizes: IntVector, cells: int) -> IntVector:
    """Share cells out by size: to each its part of them, rounded up or down.

    Args:
        sizes: Shape (groups,): points of each, together at least `cells`.
        cells: How many there are to share out.

    Returns:
        Shape (groups,), of the sum `cells`; never more than a group has points.
    """
    ends = np.round(np.cumsum(sizes) * (cells / sizes.sum())).astype(np.int64)
    return np.diff(ends, prepend=0)


def _k_means(
    points: FloatMatrix, cells: int, iterations: int, start: FloatMatrix | None = None
) -> FloatMatrix:
    """Centres of unit length; as FAISS begins, or from those given."""
    faiss = import_faiss()
    clustering = faiss.Kmeans(
        points.shape[1], cells, niter=iterations, spherical=True, min_points_per_centroid=1
    )
    clustering.train(np.ascontiguousarray(points), init_centroids=start)
    return clustering.centroids


@contextmanager
def _one_thread() -> Generator[None]:
    """For hundreds of tiny clusterings: threads only wait for each other there.

    On two busy cores they made this step 13 times slower.
    """
    faiss = import_faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
