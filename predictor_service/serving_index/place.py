"""The place that `--index` names: a store of versions, or one artifact."""

from pathlib import Path
from typing import Protocol

from lengthwise.index.errors import StoreError
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout, read_manifest

CACHED_VERSIONS = 3
"""Copies kept of a remote place's versions: the served one, one to go back to, one coming."""


class IndexPlace(Protocol):
    """Where versions lie, one of which is current. Its methods block."""

    def current(self) -> str | None:
        """Name of the current version; None if there is none yet.

        Raises:
            StoreError: The place cannot be read.
        """
        ...

    def versions(self) -> list[str]:
        """All versions, oldest first.

        Raises:
            StoreError: The place cannot be read.
        """
        ...

    def fetch(self, version: str) -> Path:
        """A version's folder on this machine.

        Raises:
            StoreError: There is no such version, or it cannot be read.
            ArtifactError: What is there is not what its manifest says.
        """
        ...

    def make_current(self, version: str) -> None:
        """Make a version the current one, for everybody who watches the place.

        Raises:
            StoreError: The place cannot be written.
        """
        ...


class VersionedPlace:
    """A store of versions, in a folder or behind a URL.

    Args:
        published: The store.
        cache: Folder for copies of a remote one's versions; not used for a folder.
    """

    def __init__(self, published: Published, cache: Path) -> None:
        self._published = published
        self._cache = cache

    def current(self) -> str | None:
        """See `IndexPlace.current`."""
        return self._published.current()

    def versions(self) -> list[str]:
        """See `IndexPlace.versions`."""
        return self._published.versions()

    def fetch(self, version: str) -> Path:
        """See `IndexPlace.fetch`."""
        folder = self._published.fetch(version, self._cache)
        if folder.is_relative_to(self._cache):
            Published.at(str(self._cache)).prune(CACHED_VERSIONS)
        return folder

    def make_current(self, version: str) -> None:
        """See `IndexPlace.make_current`."""
        self._published.make_current(version)


class LoneArtifact:
    """One artifact, which may be replaced by another as a whole.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def current(self) -> str | None:
        """See `IndexPlace.current`."""
        layout = ArtifactLayout(self._root)
        return read_manifest(layout).version if layout.exists() else None

    def versions(self) -> list[str]:
        """See `IndexPlace.versions`."""
        current = self.current()
        return [] if current is None else [current]

    def fetch(self, version: str) -> Path:
        """See `IndexPlace.fetch`."""
        if version != self.current():
            raise StoreError(f"{self._root} is one artifact, {self.current()!r}: {self._advice()}")
        return self._root

    def make_current(self, version: str) -> None:
        """See `IndexPlace.make_current`."""
        if version != self.current():
            raise StoreError(f"{self._root} is one artifact: {self._advice()}")

    def _advice(self) -> str:
        return "to switch between versions, let --index name a store of them"


def open_place(place: str, cache: Path | None = None) -> IndexPlace:
    """The place that a text means.

    Args:
        place: A folder or a URL.
        cache: Folder for copies; needed for a URL.

    Raises:
        MissingExtraError: What such a URL needs is not installed.
        StoreError: It is no place that anything here reads, or a URL without a cache.
    """
    if "://" not in place:
        if ArtifactLayout(Path(place)).exists():
            return LoneArtifact(Path(place))
        return VersionedPlace(Published.at(place), Path(place))
    if cache is None:
        raise StoreError(f"{place} needs a folder for copies of its versions: set --index-cache")
    return VersionedPlace(Published.at(place), cache)
