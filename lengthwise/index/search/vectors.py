"""The vectors of past prompts in FAISS: exact while that is cheap, then approximate."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.errors import ArtifactAlteredError, InvalidInputError
from lengthwise.index.search.cells import trained_cells
from lengthwise.index.search.faiss_library import ADD_ROWS, import_faiss
from lengthwise.index.search.mapped import copied, in_pieces, read_ahead
from lengthwise.index.search.own_cells.cells_file import OwnCellsFile, OwnCellsWriter
from lengthwise.index.search.own_cells.own_cells import OwnCells, refined
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.subset import needs_own_cells, subset_of
from lengthwise.index.search.vector_search import RowSubset

RECALL_K = 32
"""Neighbours that recall is measured on: about as many as count for an estimate."""

TARGET_RECALL = 0.985
"""What the search is tuned for at the build, on rows of the index that lie far from the others.
That new prompts get 0.98 is the aim; `benchmarks.search` measures what they get."""

RECALL_SAMPLE = 1_024
"""Rows among which those are chosen that recall is measured on."""

FAR_SHARE = 1 / 4
"""Of the sample: these lie about as far from the other rows as new prompts do, and as many of their
neighbours are found: within 0.002 near the target, among 100,000 rows. Of all rows more are found,
so that they promise too much. 8,192 neighbours tell it to a few tenths of a percent."""

MAPPED_BYTES = 128 << 20
"""Larger files are mapped: of some 130,000 rows of 384 numbers. A smaller one is read in a tenth of
a second, and then whoever writes to it does no harm."""

REFINEMENTS = (4, 16)
"""Candidates per neighbour asked for that are compared again with their full vectors: the first
is enough for text, the second for vectors without any structure."""


class VectorIndex:
    """Unit vectors, searched by inner product (cosine).

    Args:
        index: Of FAISS, by inner product, as `plan` describes it.
        plan: How the index was built and is searched.
        own_cells: Of LLMs' own rows, as the build made them; None makes them when they are needed.
    """

    def __init__(self, index: Any, plan: SearchPlan, own_cells: OwnCellsFile | None = None) -> None:
        self._index = index
        self.plan = plan
        self._own_cells = own_cells

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def faiss_index(self) -> Any:
        """Of FAISS, as `plan` describes it."""
        return self._index

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @classmethod
    def build(cls, vectors: FloatMatrix, plan: SearchPlan | None = None) -> "VectorIndex":
        """Index vectors, choosing how by their number.

        Args:
            vectors: Shape (rows, dimension), rows of unit length; may be a memory map, which is
                read in pieces.
            plan: Overrides what their number would choose.

        Raises:
            InvalidInputError: There are no vectors.
        """
        if len(vectors) == 0:
            raise InvalidInputError("no vectors to index: expected at least one row")
        plan = plan or SearchPlan.for_size(len(vectors))
        if plan.kind == "flat":
            index = import_faiss().IndexFlatIP(vectors.shape[1])
            _add(index, vectors)
            return cls(index, plan)
        index = trained_cells(vectors, plan.cells)
        _reserve(index, len(vectors))
        _add(index, vectors)
        # A search that misses its promise whatever it visits is none: compare with every vector.
        return tuned(cls(index, plan), vectors) or cls.build(vectors, SearchPlan())

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest rows of each query; see `VectorSearch.search`."""
        queries = np.ascontiguousarray(queries, np.float32)
        return self._index.search(queries, k, params=self._parameters())

    def subset(self, rows: IntVector, model: str | None = None) -> RowSubset:
        """Some rows, to be searched by themselves; see `VectorSearch.subset`.

        Raises:
            ArtifactAlteredError: Cells were stored of the LLM, but not of so many rows.
        """
        stored = None
        if model is not None and self._own_cells is not None:
            stored = self._own_cells.of(model, len(rows))
        return subset_of(self._index, self.plan, rows, stored)

    def _parameters(self) -> Any:
        if self.plan.kind == "flat":
            return None
        return refined(self.plan, import_faiss().IVFSearchParameters(nprobe=self.plan.probes))

    def stored_vectors(self) -> Iterator[FloatMatrix]:
        """The vectors themselves, in pieces of at most ADD_ROWS rows, in row order."""
        exact = self._index if self.plan.kind == "flat" else self._index.refine_index
        for start in range(0, len(self), ADD_ROWS):
            yield exact.reconstruct_n(start, min(ADD_ROWS, len(self) - start))

    def save(self, path: Path) -> None:
        """Write to a file.

        Raises:
            OSError: It cannot be written.
        """
        faiss = import_faiss()
        with path.open("wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write, 1 << 22))

    def save_own_cells(self, path: Path, members: Iterable[tuple[str, IntVector]]) -> None:
        """Make the cells that LLMs' own rows are searched in, and write them to a file.

        One LLM's are in memory at a time. Where none needs any, no file is made.

        Args:
            path: Of the file, which is made or replaced.
            members: Name of each LLM, and the numbers of its rows, ascending.

        Raises:
            OSError: It cannot be written.
        """
        needing = [
            (model, rows)
            for model, rows in members
            if needs_own_cells(self.plan, len(rows), len(self))
        ]
        if not needing:
            return
        with path.open("wb") as file:
            writer = OwnCellsWriter(file, self.dimension)
            for model, rows in needing:
                writer.add(model, OwnCells.trained(self._index, self.plan, rows).coded)
            writer.finish()

    def with_own_cells(self, path: Path) -> "VectorIndex":
        """The same vectors, whose LLMs' own cells lie in a file; without one they are made.

        Raises:
            ArtifactAlteredError: The file is not one of own cells.
        """
        return VectorIndex(
            self._index, self.plan, OwnCellsFile.open(path) if path.is_file() else None
        )

    @classmethod
    def load(cls, path: Path, plan: SearchPlan) -> "VectorIndex":
        """Read from a file; a large one is mapped, so that only what is searched takes memory.

        A file that is mapped may be removed or replaced by another, but not written to.

        Raises:
            ArtifactAlteredError: The file is not a FAISS index.
        """
        try:
            return cls(_read(path), plan)
        except RuntimeError as error:
            raise ArtifactAlteredError(f"{path} is not a readable FAISS index: {error}") from error


def _read(path: Path) -> Any:
    faiss = import_faiss()
    if path.stat().st_size < MAPPED_BYTES:
        return faiss.read_index(str(path))
    read_ahead(path)
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)


def tuned(index: VectorIndex, vectors: FloatMatrix) -> VectorIndex | None:
    """The cheapest search that reaches the target recall on rows of its own, if any does."""
    queries, truth = far_rows(vectors)
    for refinement, probes in product(REFINEMENTS, _probe_ladder(index.plan.cells)):
        index.plan = replace(index.plan, probes=probes, refinement=refinement)
        recall = recall_of(index.search(queries, RECALL_K)[1], truth)
        if recall >= TARGET_RECALL:
            index.plan = replace(index.plan, measured_recall=round(recall, 4))
            return index
    return None


def far_rows(vectors: FloatMatrix) -> tuple[FloatMatrix, IntMatrix]:
    """Vectors of rows that lie far from the others, and their true neighbours, to tune by."""
    rng = np.random.default_rng(0)
    sample = np.sort(rng.choice(len(vectors), min(RECALL_SAMPLE, len(vectors)), replace=False))
    queries = copied(vectors, sample)
    similarities, neighbours = _exact_search(vectors, queries, RECALL_K)
    far = np.argsort(similarities.mean(axis=1), kind="stable")[: int(FAR_SHARE * len(sample))]
    return queries[far], neighbours[far]


def _probe_ladder(cells: int) -> list[int]:
    """Numbers of probes to try: each a half more than the one before, the last all cells."""
    ladder = [1]
    while ladder[-1] < cells:
        ladder.append(min(cells, max(ladder[-1] + 1, ladder[-1] * 3 // 2)))
    return ladder


def _reserve(index: Any, rows: int) -> None:
    """Make room for the vectors at once: grown step by step, old and new would both be there."""
    exact = import_faiss().downcast_index(index.refine_index)
    exact.codes.resize(rows * exact.code_size)
    exact.codes.resize(0)


def _add(index: Any, vectors: FloatMatrix) -> None:
    for piece in in_pieces(vectors, ADD_ROWS):
        index.add(piece)


def exact_neighbours(vectors: FloatMatrix, queries: FloatMatrix, k: int) -> IntMatrix:
    """The true k nearest rows of each query, reading `vectors` in pieces: shape (queries, k)."""
    return _exact_search(vectors, queries, k)[1]


def _exact_search(
    vectors: FloatMatrix, queries: FloatMatrix, k: int
) -> tuple[FloatMatrix, IntMatrix]:
    faiss = import_faiss()
    best = faiss.ResultHeap(len(queries), k, keep_max=True)
    start = 0
    for piece in in_pieces(vectors, ADD_ROWS):
        similarity, rows = faiss.knn(queries, piece, min(k, len(piece)), faiss.METRIC_INNER_PRODUCT)
        best.add_result(similarity, rows + start)
        start += len(piece)
    best.finalize()
    return best.D, best.I


def recall_of(found: IntMatrix, truth: IntMatrix) -> float:
    """Mean share of the true neighbours that were found."""
    shares = [np.isin(t, f).mean() for f, t in zip(found, truth, strict=True)]
    return float(np.mean(shares))
