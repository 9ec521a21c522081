"""Indexes that are compared, behind one seam: ours, flat search and HNSW."""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengthwise.index.arrays import FloatMatrix, IntMatrix
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.vectors import (
    RECALL_K,
    TARGET_RECALL,
    VectorIndex,
    far_rows,
    recall_of,
)

HNSW_LINKS = 32
"""M of HNSW, the links of a point to others."""

HNSW_EF_CONSTRUCTION = 100
"""Breadth of the search by which HNSW is built."""

HNSW_EF_LADDER = (64, 96, 128, 192, 256, 384, 512, 1024)
"""Breadths tried one after the other until the recall is reached."""

Search = Callable[[FloatMatrix, int], IntMatrix]


@dataclass(frozen=True, slots=True)
class Searched:
    """A built index.

    Args:
        name: What the tables call this kind of index.
        setting: What was chosen for it.
        search: Rows of the k nearest of some queries.
        build_s: How long building took, tuning included.
        megabytes: Its size as saved, which is about what it takes in memory.
    """

    name: str
    setting: str
    search: Search
    build_s: float
    megabytes: float


def build_ours(vectors: FloatMatrix, keep: Path | None = None) -> tuple[Searched, VectorIndex]:
    """What Lengthwise builds for so many rows.

    Args:
        vectors: What is indexed.
        keep: Folder of indexes built before, by their number of rows, which this one joins.
    """
    index, build_s = _kept(keep, len(vectors)) or _built(vectors, keep)
    plan = index.plan
    setting = (
        "exact"
        if plan.kind == "flat"
        else f"{plan.probes}/{plan.cells:,} cells, refine {plan.refinement}"
    )

    def search(queries: FloatMatrix, k: int) -> IntMatrix:
        return index.search(queries, k)[1]

    return Searched("Lengthwise", setting, search, build_s, _megabytes(index.save)), index


def _kept(keep: Path | None, rows: int) -> tuple[VectorIndex, float] | None:
    if keep is None or not (keep / f"{rows}.json").exists():
        return None
    told = json.loads((keep / f"{rows}.json").read_text())
    return VectorIndex.load(keep / f"{rows}.faiss", SearchPlan(**told["plan"])), told["build_s"]


def _built(vectors: FloatMatrix, keep: Path | None) -> tuple[VectorIndex, float]:
    started_s = time.perf_counter()
    index = VectorIndex.build(vectors)
    build_s = time.perf_counter() - started_s
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        index.save(keep / f"{len(vectors)}.faiss")
        told = {"plan": index.plan.to_dict(), "build_s": build_s}
        (keep / f"{len(vectors)}.json").write_text(json.dumps(told))
    return index, build_s


def build_flat(vectors: FloatMatrix) -> Searched:
    """Every vector compared."""
    started_s = time.perf_counter()
    index = VectorIndex.build(vectors, SearchPlan())
    build_s = time.perf_counter() - started_s

    def search(queries: FloatMatrix, k: int) -> IntMatrix:
        return index.search(queries, k)[1]

    return Searched("flat", "exact", search, build_s, _megabytes(index.save))


def build_hnsw(vectors: FloatMatrix) -> Searched:
    """FAISS's graph, its breadth of search chosen as ours is: on rows of the index."""
    faiss: Any = import_faiss()
    started_s = time.perf_counter()
    index: Any = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_EF_CONSTRUCTION
    index.add(vectors)
    breadth = _tuned_breadth(index, vectors)
    build_s = time.perf_counter() - started_s
    parameters: Any = faiss.SearchParametersHNSW(efSearch=breadth)

    def search(queries: FloatMatrix, k: int) -> IntMatrix:
        return index.search(queries, k, params=parameters)[1]

    def save(path: Path) -> None:
        faiss.write_index(index, str(path))

    return Searched("HNSW", f"efSearch {breadth}", search, build_s, _megabytes(save))


def _tuned_breadth(index: Any, vectors: FloatMatrix) -> int:
    faiss: Any = import_faiss()
    queries, truth = far_rows(vectors)
    for breadth in HNSW_EF_LADDER:
        parameters: Any = faiss.SearchParametersHNSW(efSearch=breadth)
        if recall_of(index.search(queries, RECALL_K, params=parameters)[1], truth) >= TARGET_RECALL:
            return breadth
    return HNSW_EF_LADDER[-1]


def _megabytes(save: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        path = Path(folder) / "index"
        save(path)
        return path.stat().st_size / 1e6
