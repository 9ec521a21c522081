"""Exact search on the GPU: by PyTorch, and by FAISS where it has GPU support."""

from collections.abc import Iterator

import numpy as np

from benchmarks.gpu.part import Measured, Setting
from benchmarks.gpu.timing import p50_p99, times_ms
from benchmarks.harness.spread import percentile
from benchmarks.harness.table import Column, Row, Table
from lengthwise.index.arrays import FloatMatrix, IntMatrix
from lengthwise.index.errors import MissingExtraError
from lengthwise.index.search.faiss_library import ADD_ROWS
from lengthwise.index.search.gpu_vectors import GpuVectorIndex, gpu_count
from lengthwise.index.search.searcher import NEIGHBOURS
from lengthwise.index.search.torch_vectors import TorchVectorIndex
from lengthwise.index.search.vector_search import VectorSearch
from lengthwise.index.search.vectors import RECALL_K, VectorIndex, recall_of

DIMENSION = 384
"""Of the default encoder's vectors."""

SIZES = (100_000, 1_000_000)
"""Vectors that are searched."""

QUICK_SIZES = (4_000,)
"""The same with --quick."""

BATCHES = (1, 32, 512)
"""Queries at once."""

CALLS = {1: 300, 32: 100, 512: 20}
"""Searches timed, by queries at once."""

QUICK_BATCHES = (1, 32)
"""Queries at once with --quick: a CPU has no fast products in half precision."""

QUICK_CALLS = 4
"""Searches timed with --quick."""

LLMS = 20
"""LLMs that share the rows; the rows of one are searched by themselves."""

RECALL_QUERIES = 128
"""Queries whose true neighbours are looked up in single precision."""


def measure(setting: Setting) -> Measured:
    """All rows, and those of one LLM of twenty."""
    rows: list[Row] = []
    lacking = _faiss_lacks()
    for size in QUICK_SIZES if setting.quick else SIZES:
        indexes: dict[str, VectorSearch] = {
            "PyTorch": TorchVectorIndex.from_pieces(made_up(size), setting.device)
        }
        if not lacking:
            indexes["FAISS"] = GpuVectorIndex(
                VectorIndex.build(np.concatenate(list(made_up(size))))
            )
        queries = next(made_up(max(BATCHES), seed=1))
        truth = _true_neighbours(size, queries[:RECALL_QUERIES])
        for name, index in indexes.items():
            recall = recall_of(index.search(queries[:RECALL_QUERIES], RECALL_K)[1], truth)
            shared: Row = {"rows": size, "by": name, "recall": recall}
            rows += [shared | row for row in _timed(index, queries, setting)]
    columns = [
        Column("rows", "vectors", "{:,}"),
        Column("by", "by"),
        Column("among", "among"),
        Column("batch", "at once", "{:,}"),
        Column("p50_ms", "p50, ms", "{:.3f}"),
        Column("p99_ms", "p99, ms", "{:.3f}"),
        Column("rate", "queries/s", "{:,.0f}"),
        Column("recall", "recall@32", "{:.4f}"),
    ]
    notes = [f"{NEIGHBOURS} neighbours are fetched, vectors are random.", *lacking]
    return Measured([Table("gpu_search", "Search on the GPU", columns, rows, notes)])


def made_up(rows: int, *, dimension: int = DIMENSION, seed: int = 0) -> Iterator[FloatMatrix]:
    """Random unit vectors, in pieces: an exact search takes the same for all."""
    rng = np.random.default_rng(seed)
    for start in range(0, rows, ADD_ROWS):
        shape = (min(ADD_ROWS, rows - start), dimension)
        piece = rng.standard_normal(shape, np.float32)
        yield piece / np.linalg.norm(piece, axis=1, keepdims=True)


def _true_neighbours(size: int, queries: FloatMatrix) -> IntMatrix:
    """In single precision, without FAISS."""
    best_similarity = np.empty((len(queries), 0), np.float32)
    best_rows = np.empty((len(queries), 0), np.int64)
    start = 0
    for piece in made_up(size):
        rows = np.broadcast_to(np.arange(start, start + len(piece)), (len(queries), len(piece)))
        similarity = np.concatenate([best_similarity, queries @ piece.T], axis=1)
        numbers = np.concatenate([best_rows, rows], axis=1)
        places = np.argpartition(-similarity, RECALL_K - 1, axis=1)[:, :RECALL_K]
        best_similarity = np.take_along_axis(similarity, places, axis=1)
        best_rows = np.take_along_axis(numbers, places, axis=1)
        start += len(piece)
    return best_rows


def _faiss_lacks() -> list[str]:
    """Why FAISS is not measured, as a note; none where it is."""
    try:
        found = gpu_count()
    except MissingExtraError:
        return ["Without FAISS, which is not installed: pip install 'lengthwise[gpu]'."]
    return [] if found else ["Without FAISS, which has no GPU here: pip install 'lengthwise[gpu]'."]


def _timed(index: VectorSearch, queries: FloatMatrix, setting: Setting) -> Iterator[Row]:
    own = index.subset(np.arange(0, len(index), LLMS))
    for among, searched in (("all", index), (f"one LLM's of {LLMS}", own)):
        for batch in QUICK_BATCHES if setting.quick else BATCHES:
            chunk = queries[:batch]
            count = QUICK_CALLS if setting.quick else CALLS[batch]
            found = times_ms(
                lambda _, c=chunk, s=searched: s.search(c, NEIGHBOURS), count, setting.device
            )
            rate = 1_000 * batch / percentile(found, 0.5)
            yield {"among": among, "batch": batch, **p50_p99(found), "rate": rate}
