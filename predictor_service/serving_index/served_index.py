"""The seam to the index: what the service asks of it, and where it comes from."""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.remembering_encoder import RememberingEncoder
from lengthwise.index.errors import ArtifactError
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.search.recent import RecentRows
from lengthwise.index.store.layout import ArtifactLayout, read_manifest
from lengthwise.index.summary import IndexSummary
from predictor_service.batching.threads import limit_threads
from predictor_service.drift.promise import Promises
from predictor_service.serving_index.place import IndexPlace, open_place

FloatMatrix = NDArray[np.float32]

PROMISES_KEPT = 16
"""Of the versions loaded last."""


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
    """Where indexes come from. All of it blocks."""

    def load(self, version: str | None = None) -> ServedIndex:
        """Read a version; None for the current one."""
        ...

    def promises(self, version: str) -> Promises:
        """How well a version that was loaded is to predict, by its own evaluation."""
        ...

    def current(self) -> str | None:
        """Name of the current version; see `IndexPlace.current`."""
        ...

    def versions(self) -> list[str]:
        """All versions, oldest first; see `IndexPlace.versions`."""
        ...

    def fetch(self, version: str) -> object:
        """Bring a version to this machine, so that `load` finds it; see `IndexPlace.fetch`."""
        ...

    def make_current(self, version: str) -> None:
        """Make a version the current one for everybody; see `IndexPlace.make_current`."""
        ...

    def prepare_thread(self, *, wide: bool = False) -> None:
        """Set up the calling thread for computing, on all cores if `wide`, else on its share."""
        ...


class ArtifactSource:
    """Reads artifacts: one, or the versions of a store of them.

    Args:
        place: Folder of an artifact or store, or URL of a store.
        threads: Cores of this process.
        lanes: Threads that share them.
        remembered_vectors: Vectors of prompts kept, so that what is predicted and then reported is
            encoded once; 0 for none.
        cache: Folder for copies of a remote store's versions.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        threads: int,
        lanes: int = 1,
        remembered_vectors: int = 0,
        cache: Path | None = None,
    ) -> None:
        self._where = str(place)
        self._cache = cache
        self._threads = threads
        self._lanes = lanes
        self._remembered_vectors = remembered_vectors
        self._promises: dict[str, Promises] = {}

    # Both are made where they are used: this object travels to the worker processes.
    @cached_property
    def _place(self) -> IndexPlace:
        return open_place(self._where, self._cache)

    @cached_property
    def _encoders(self) -> WeakValueDictionary[str, Encoder]:
        """By content, as long as an index uses them: most versions share theirs."""
        return WeakValueDictionary()

    def load(self, version: str | None = None) -> ServedIndex:
        """Read and check an artifact.

        Raises:
            ArtifactError: It cannot be used.
            StoreError: There is no such version.
        """
        from lengthwise.index.index import LengthIndex  # noqa: PLC0415  seconds of torch, only here

        folder = self._place.fetch(version or self._current())
        wanted = read_manifest(ArtifactLayout(folder)).encoder.content_hash
        index = LengthIndex.load(folder, encoder=self._encoders.get(wanted))
        if self._remembered_vectors and not isinstance(index.encoder, RememberingEncoder):
            index.encoder = RememberingEncoder(index.encoder, capacity=self._remembered_vectors)
        self._encoders[wanted] = index.encoder
        self._promises.pop(index.version, None)
        self._promises[index.version] = Promises.read(ArtifactLayout(folder).evaluation)
        while len(self._promises) > PROMISES_KEPT:
            del self._promises[next(iter(self._promises))]
        return index

    def promises(self, version: str) -> Promises:
        """See `IndexSource.promises`."""
        return self._promises.get(version, Promises())

    def current(self) -> str | None:
        """See `IndexSource.current`."""
        return self._place.current()

    def versions(self) -> list[str]:
        """See `IndexSource.versions`."""
        return self._place.versions()

    def fetch(self, version: str) -> Path:
        """See `IndexSource.fetch`."""
        return self._place.fetch(version)

    def make_current(self, version: str) -> None:
        """See `IndexSource.make_current`."""
        self._place.make_current(version)

    def prepare_thread(self, *, wide: bool = False) -> None:
        """Bound the threads of torch and FAISS as seen from this thread."""
        limit_threads(self._threads if wide else self._threads // self._lanes)

    def _current(self) -> str:
        current = self._place.current()
        if current is None:
            raise ArtifactError(
                f"{self._where} holds neither an index artifact (no manifest.json) nor a store of "
                "them (no CURRENT): make one with python -m index_builder build --history FILE "
                f"--out {self._where}"
            )
        return current
