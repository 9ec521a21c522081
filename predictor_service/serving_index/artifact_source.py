"""Reads artifacts into memory: one, or the versions of a place of them."""

from functools import cached_property
from pathlib import Path
from weakref import WeakValueDictionary

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import RememberingEncoder
from lengthwise.index.errors import ArtifactError
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout, read_manifest
from predictor_service.drift.promise import Promises
from predictor_service.serving_index.place import open_place
from predictor_service.serving_index.served_index import ServedIndex
from predictor_service.system.threads import limit_threads

CACHED_VERSIONS = 3
"""Copies kept of a remote place's versions: the served one, one to go back to, one coming."""

PROMISES_KEPT = 16
"""Versions loaded last whose promises are known: more than are ever gone back to in a row."""


class ArtifactSource:
    """The `IndexSource` of artifacts.

    Args:
        place: Folder of an artifact or store, or URL of a store.
        threads: Cores that this process computes on.
        lanes: Threads that share them, each computing a micro-batch at a time.
        remembered_vectors: Vectors of prompts kept, so that what is predicted and then reported is
            encoded once; 0 for none.
        cache: Folder for copies of the versions behind a URL, which needs one; a folder's own
            versions are read where they lie.
        cascade: Let first tiers answer, where artifacts have them.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        threads: int,
        lanes: int = 1,
        remembered_vectors: int = 0,
        cache: Path | None = None,
        cascade: bool = True,
    ) -> None:
        self._where = str(place)
        self._cache = cache if "://" in self._where else None
        self._threads = threads
        self._lanes = lanes
        self._remembered_vectors = remembered_vectors
        self._cascade = cascade
        self._promises: dict[str, Promises] = {}

    @property
    def place(self) -> Published:
        return self._place

    # Both are made where they are used: this object travels to the worker processes.
    @cached_property
    def _place(self) -> Published:
        return open_place(self._where, self._cache)

    @cached_property
    def _encoders(self) -> WeakValueDictionary[str, Encoder]:
        """By content, as long as an index uses them: most versions share theirs."""
        return WeakValueDictionary()

    def fetch(self, version: str) -> Path:
        """See `IndexSource.fetch`.

        Returns:
            The version's folder.
        """
        if self._cache is None:
            return self.place.fetch(version, Path(self._where))
        folder = self.place.fetch(version, self._cache)
        if folder.is_relative_to(self._cache):  # which it is not behind file://
            Published.at(str(self._cache)).prune(CACHED_VERSIONS)
        return folder

    def load(self, version: str | None = None) -> ServedIndex:
        """See `IndexSource.load`; every file is checked against the manifest."""
        from lengthwise.index.index import LengthIndex  # noqa: PLC0415  seconds of torch, only here

        layout = ArtifactLayout(self.fetch(version or self._current()))
        wanted = read_manifest(layout).encoder.content_hash
        known = self._encoders.get(wanted)
        index = LengthIndex.load(layout.root, encoder=known, cascade=self._cascade)
        if known is None:
            self.prepare_thread()
            index.encoder.prepare()
        if self._remembered_vectors and not isinstance(index.encoder, RememberingEncoder):
            index.encoder = RememberingEncoder(index.encoder, capacity=self._remembered_vectors)
        self._encoders[wanted] = index.encoder
        self._remember(index.version, Promises.from_file(layout.evaluation))
        return index

    def promises(self, version: str) -> Promises:
        return self._promises.get(version, Promises())

    def prepare_thread(self, *, wide: bool = False) -> None:
        """See `IndexSource.prepare_thread`: bounds torch and FAISS as seen from this thread."""
        limit_threads(self._threads if wide else self._threads // self._lanes)

    def _remember(self, version: str, promises: Promises) -> None:
        self._promises.pop(version, None)
        self._promises[version] = promises
        while len(self._promises) > PROMISES_KEPT:
            del self._promises[next(iter(self._promises))]

    def _current(self) -> str:
        current = self.place.current()
        if current is None:
            raise ArtifactError(
                f"{self._where} holds neither an index artifact (no manifest.json) nor a store of "
                "them (no CURRENT): make one with python -m index_builder build --history FILE "
                f"--out {self._where}"
            )
        return current
