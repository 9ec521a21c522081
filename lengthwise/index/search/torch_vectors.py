"""The same search by PyTorch on an NVIDIA GPU, where FAISS has none: exact, in half precision."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.search.faiss_library import ADD_ROWS
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.vector_search import RowSubset

CANDIDATES = 2
"""Per neighbour asked for that are compared again in single precision: products in half precision
differ by 0.0005 from the true ones, which changes who is among the last of the nearest."""

SIMILARITIES_AT_ONCE = 2**28
"""Similarities computed before the nearest are taken from them: half a gigabyte."""


class TorchVectorIndex:
    """Unit vectors in a GPU's memory: 768 bytes each at 384 dimensions.

    Args:
        vectors: Shape (rows, dimension), rows of unit length, in half precision.
    """

    def __init__(self, vectors: torch.Tensor) -> None:
        self._vectors = vectors
        self.plan = SearchPlan()

    @classmethod
    def from_pieces(cls, pieces: Iterable[FloatMatrix], device: str) -> "TorchVectorIndex":
        """Copy vectors to a device, in half precision.

        Args:
            pieces: Of the matrix, from the first row to the last, at least one.
            device: Where they are searched, as PyTorch names it: "cuda", or "cpu" in tests.
        """
        copied = [torch.from_numpy(np.asarray(p, np.float16)).to(device) for p in pieces]
        return cls(torch.cat(copied))

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest rows of each query; see `VectorSearch.search`."""
        return nearest_by_torch(self._vectors, queries, k)

    def subset(self, rows: IntVector, model: str | None = None) -> RowSubset:
        """Some rows, to be searched by themselves; see `VectorSearch.subset`."""
        del model  # nothing is made of them
        return TorchSubset(self._vectors, rows)

    def stored_vectors(self) -> Iterator[FloatMatrix]:
        """The vectors themselves, in pieces of at most ADD_ROWS rows, in row order."""
        for piece in self._vectors.split(ADD_ROWS):
            yield piece.float().cpu().numpy()


class TorchSubset:
    """Chosen rows, gathered in each search: that takes a GPU less time than it takes memory.

    Args:
        vectors: Those of all rows, shape (all rows, dimension), in half precision.
        rows: Numbers of those chosen, in the order in which they are known here.
    """

    def __init__(self, vectors: torch.Tensor, rows: IntVector) -> None:
        self._vectors = vectors
        self._rows = torch.from_numpy(np.asarray(rows, np.int64)).to(vectors.device)
        self._numbers = np.asarray(rows, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """See `RowSubset`."""
        own = self._vectors.index_select(0, self._rows)
        similarities, places = nearest_by_torch(own, queries, k)
        return similarities, np.where(places >= 0, self._numbers[places], -1)


@torch.inference_mode()
def nearest_by_torch(
    vectors: torch.Tensor, queries: FloatMatrix, k: int
) -> tuple[FloatMatrix, IntMatrix]:
    """The k nearest rows of a matrix for each query, nearest first.

    Args:
        vectors: Shape (rows, dimension), in half precision.
        queries: Shape (queries, dimension), rows of unit length.
        k: How many are wanted of each, at least 1.

    Returns:
        Similarities and row numbers, both of shape (queries, k); row -1 where there are fewer.
    """
    similarities = np.full((len(queries), k), np.finfo(np.float32).min, np.float32)
    rows = np.full((len(queries), k), -1)
    found = min(k, len(vectors))
    step = max(1, SIMILARITIES_AT_ONCE // len(vectors))
    for start in range(0, len(queries), step):
        asked = torch.from_numpy(np.ascontiguousarray(queries[start : start + step], np.float32))
        best = _best(vectors, asked.to(vectors.device), found)
        similarities[start : start + step, :found] = best[0].cpu().numpy()
        rows[start : start + step, :found] = best[1].cpu().numpy()
    return similarities, rows


def _best(
    vectors: torch.Tensor, queries: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    rough = queries.to(vectors.dtype) @ vectors.T
    candidates = rough.topk(min(CANDIDATES * k, len(vectors)), dim=1).indices
    exact = torch.einsum("qcd,qd->qc", vectors[candidates].float(), queries)
    similarities, places = exact.topk(k, dim=1)
    return similarities, candidates.gather(1, places)
