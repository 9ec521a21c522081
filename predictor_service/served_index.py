"""The seam to the index: what the service asks of it, and where it comes from."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from length_index.estimate import LengthEstimate, Query
from length_index.recent import RecentRows
from length_index.remembering_encoder import RememberingEncoder
from length_index.summary import IndexSummary
from predictor_service.threads import limit_threads

FloatMatrix = NDArray[np.float32]


class ServedIndex(Protocol):
    """An index in memory. Its methods are called by several threads at a time."""

    @property
    def version(self) -> str:
        """Name of the version; two different indexes never share one."""
        ...

    recent: RecentRows | None
    """Rows that came after the build, which predictions take into account; None for none."""

    def built_with(self, ids: Collection[str]) -> Collection[str]:
        """Those of some ids that rows of the build have."""
        ...

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """One row per prompt."""
        ...

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> Any:
        """Nearest past prompts, in whatever form `estimate` takes."""
        ...

    def estimate(self, hits: Any, queries: Sequence[Query]) -> list[LengthEstimate]:
        """One estimate per query, in order."""
        ...

    def info(self) -> IndexSummary:
        """What the index holds."""
        ...


class IndexSource(Protocol):
    """Where indexes come from."""

    def load(self) -> ServedIndex:
        """Read the newest version; called again for every swap."""
        ...

    def prepare_thread(self, *, wide: bool = False) -> None:
        """Set up the calling thread for computing, on all cores if `wide`, else on its share."""
        ...


class ArtifactSource:
    """Reads an artifact folder, or the current version of a store of them.

    Args:
        path: The folder.
        threads: Cores of this process.
        lanes: Threads that share them.
        remembered_vectors: Vectors of prompts kept, so that what is predicted and then reported is
            encoded once; 0 for none.
    """

    def __init__(
        self, path: Path, *, threads: int, lanes: int = 1, remembered_vectors: int = 0
    ) -> None:
        self._path = path
        self._threads = threads
        self._lanes = lanes
        self._remembered_vectors = remembered_vectors

    def load(self) -> ServedIndex:
        """Read and check the artifact.

        Raises:
            ArtifactError: It cannot be used.
            StoreError: The store names no usable version.
        """
        from length_index.index import LengthIndex  # noqa: PLC0415  seconds of torch, only here

        index = LengthIndex.load(self._path)
        if self._remembered_vectors:
            index.encoder = RememberingEncoder(index.encoder, capacity=self._remembered_vectors)
        return index

    def prepare_thread(self, *, wide: bool = False) -> None:
        """Bound the threads of torch and FAISS as seen from this thread."""
        limit_threads(self._threads if wide else self._threads // self._lanes)
