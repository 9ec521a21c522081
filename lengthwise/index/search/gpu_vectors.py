"""The same search on an NVIDIA GPU: exact, in half precision, since there it needs no shortcut."""

import threading
from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.encoder.encoder import Device, choose_device
from lengthwise.index.search.faiss_library import import_faiss
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.vector_search import RowSubset, VectorSearch
from lengthwise.index.search.vectors import VectorIndex


def gpu_count() -> int:
    """GPUs that the installed FAISS can use; 0 for faiss-cpu."""
    faiss = import_faiss()
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


class GpuVectorIndex(VectorIndex):
    """Vectors on the first GPU.

    Args:
        source: The index as it was built; it stays in memory for searches among chosen rows,
            which FAISS does not offer on a GPU.
    """

    def __init__(self, source: VectorIndex) -> None:
        faiss = import_faiss()
        self._resources: Any = faiss.StandardGpuResources()
        options = faiss.GpuIndexFlatConfig()
        options.useFloat16 = True
        index = faiss.GpuIndexFlatIP(self._resources, source.dimension, options)
        for piece in source.stored_vectors():
            index.add(np.ascontiguousarray(piece, np.float32))
        super().__init__(index, SearchPlan())
        self._source = source
        self._one_at_a_time = threading.Lock()  # FAISS's GPU indexes are not thread-safe

    def search(self, queries: FloatMatrix, k: int) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest rows of each query; see `VectorSearch.search`."""
        with self._one_at_a_time:
            return super().search(queries, k)

    def subset(self, rows: IntVector, model: str | None = None) -> RowSubset:
        """Some rows, which the CPU searches."""
        return self._source.subset(rows, model)


def placed(source: VectorIndex, device: Device) -> VectorSearch:
    """Vectors where they are searched: on the first GPU, if there is one and it is not ruled out.

    FAISS has them there if it has GPU support, else PyTorch.

    Args:
        source: The index as it was built, in this machine's memory.
        device: Where the encoder and the search run.
    """
    if device == "cpu":
        return source
    if gpu_count():
        return GpuVectorIndex(source)
    if choose_device(device) != "cuda":
        return source
    from lengthwise.index.search.torch_vectors import TorchVectorIndex  # noqa: PLC0415  imports torch

    return TorchVectorIndex.from_pieces(source.stored_vectors(), "cuda")
