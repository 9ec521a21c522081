"""The contract of a place where versions are published, which each kind keeps in its own way."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from lengthwise.index.errors import StoreError


class Published(ABC):
    """A place with versions of an index, one of which is current.

    The layout is `IndexStore`'s, whatever the place: versions/<version>/ and CURRENT.
    """

    @staticmethod
    def at(place: str) -> "Published":
        """The place that a text means.

        Args:
            place: A folder, or a URL as fsspec takes it: s3://bucket/prefix, gs://bucket/prefix.

        Raises:
            MissingExtraError: What such a URL needs is not installed.
            StoreError: It is a URL of a kind that nothing here reads.
        """
        # Each imports this module.
        from lengthwise.index.store.folder import FolderPlace  # noqa: PLC0415
        from lengthwise.index.store.objects import ObjectPlace  # noqa: PLC0415

        scheme, separator, rest = place.partition("://")
        if not separator:
            return FolderPlace(Path(place))
        return FolderPlace(Path(rest)) if scheme == "file" else ObjectPlace.from_url(place)

    @abstractmethod
    def current(self) -> str | None:
        """Name of the current version; None if nothing was published yet.

        Raises:
            StoreError: The place cannot be read.
        """

    @abstractmethod
    def versions(self) -> list[str]:
        """All versions, oldest first (their names begin with the time of the build).

        Raises:
            StoreError: The place cannot be read.
        """

    @abstractmethod
    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        """Copy an artifact there and make it current once it is there as a whole.

        Args:
            folder: The artifact, checked against its manifest first; stays as it is.
            version: Its name, as in its manifest.
            expected: The version that it is to follow; None if it is to be the first.

        Raises:
            StaleVersionError: Another one is current by now; nothing was published.
            StoreBusyError: Another process held the place for too long.
            StoreError: The place cannot be written; nothing was published.
            ArtifactError: The artifact is not whole.
        """

    @abstractmethod
    def fetch(self, version: str, into: Path) -> Path:
        """A version's folder on this machine, every file held against the manifest.

        Args:
            version: Which one.
            into: A folder for copies, laid out as a store, so that `Published.at(str(into))` lists
                and prunes them. Several processes may share it. Not used where the place is a
                folder itself: then its own is given, unchecked, since loading checks it.

        Raises:
            StoreError: There is no such version, or it cannot be read.
            ArtifactError: What is there is not what its manifest says.
        """

    @abstractmethod
    def make_current(self, version: str) -> None:
        """Make a version that is there the current one.

        Raises:
            StaleVersionError: Another process changed what is current at the same time.
            StoreError: There is no such version, or the place cannot be written.
        """

    def roll_back(self) -> str:
        """Make the version before the current one current, and give its name.

        Raises:
            StaleVersionError: Another process changed what is current at the same time.
            StoreError: There is none, or the place cannot be written.
        """
        versions, current = self.versions(), self.current()
        number = versions.index(current) if current in versions else 0
        if number == 0:
            raise StoreError(f"{self} has no version before {current!r}: nothing to roll back to")
        self.make_current(versions[number - 1])
        return versions[number - 1]

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest versions; the current one always stays.

        Args:
            keep: How many of the newest stay; 2 or more leave one to roll back to.

        Returns:
            What was removed.

        Raises:
            StoreError: The place cannot be written.
        """
        gone = expendable(self.versions(), self.current(), keep)
        for version in gone:
            self._remove(version)
        return gone

    @abstractmethod
    def _remove(self, version: str) -> None:
        """Remove a version, in such a way that whoever looks sees it whole or not at all."""


def expendable(versions: Sequence[str], current: str | None, keep: int) -> list[str]:
    """Those of some versions, oldest first, that are neither current nor among the newest."""
    return [version for version in versions[: max(0, len(versions) - keep)] if version != current]
