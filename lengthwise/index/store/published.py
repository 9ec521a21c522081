"""The contract of a place where versions are published, which each kind keeps in its own way."""

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lengthwise.index.errors import StaleVersionError, StoreError


class Published(ABC):
    """A place with versions of an index, one of which is current.

    The layout is the same whatever the place: versions/<version>/ and CURRENT.
    Builds, rebuilds, the service and the commands `versions`, `use` and `rollback` all use this.
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
        from lengthwise.index.store.folder_store import FolderStore  # noqa: PLC0415
        from lengthwise.index.store.object_store import ObjectStore  # noqa: PLC0415

        scheme, separator, rest = place.partition("://")
        if not separator:
            return FolderStore(Path(place))
        return FolderStore(Path(rest)) if scheme == "file" else ObjectStore.from_url(place)

    @abstractmethod
    def current(self) -> str | None:
        """Name of the current version; None if nothing was published yet.

        Raises:
            StoreError: The place cannot be read.
        """

    @abstractmethod
    def versions(self) -> list[str]:
        """All versions, oldest first: their names ascend, see `new_version`.

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
            version: Name of one of `versions`.
            into: A folder for copies, laid out as a store, so that `Published.at(str(into))` lists
                and prunes them. Several processes may share it. Not used where the place is a
                folder itself: then its own is given, unchecked, since loading checks it.

        Raises:
            StoreError: There is no such version, or it cannot be read.
            ArtifactError: What is there is not what its manifest says.
        """

    @abstractmethod
    def state_of(self, version: str) -> str:
        """A text that changes whenever a file of a version does, without reading the files.

        By it a version that could not be used, because it was still being copied, say, is looked at
        again once there is something new to see.

        Raises:
            StoreError: The place cannot be read.
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

        That is the one which the current one was made to follow, where that is known and still
        there; a version that was rolled back from once does not come back. Else it goes by names.

        Raises:
            StaleVersionError: Another process changed what is current at the same time.
            StoreError: There is none, or the place cannot be written.
        """
        versions, current = self.versions(), self.current()
        number = versions.index(current) if current in versions else 0
        if number == 0:
            raise StoreError(f"{self} has no version before {current!r}: nothing to roll back to")
        followed = self._followed_by(versions[number])
        before = followed if followed in versions[:number] else versions[number - 1]
        self.make_current(before)
        return before

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

    def _followed_by(self, version: str) -> str | None:  # noqa: ARG002  for those that can tell
        """What a version's manifest says that it follows; None where it says nothing."""
        return None

    def _require(self, version: str) -> None:
        """Raise if there is no such version.

        Raises:
            StoreError: With those that there are.
        """
        versions = self.versions()
        if version not in versions:
            raise StoreError(f"{self} has no version {version!r}: expected one of {versions}")

    @abstractmethod
    def _remove(self, version: str) -> None:
        """Remove a version, in such a way that whoever looks sees it whole or not at all."""


def expendable(versions: Sequence[str], current: str | None, keep: int) -> list[str]:
    """Those of some versions, oldest first, that are neither current nor among the newest."""
    return [version for version in versions[: max(0, len(versions) - keep)] if version != current]


_TIMED = re.compile(r"(\d{8}T\d{6}\.\d{3})Z-[0-9a-f]{6}")
"""A name that `new_version` made, with its time."""

_TICK = timedelta(milliseconds=1)
"""The least difference between two names' times."""


def new_version(now: datetime | None = None, *, after: Iterable[str] = ()) -> str:
    """A version's name that sorts after those that there are and is never given twice.

    It is a hybrid logical clock (Kulkarni et al. 2014): the time where that moves on, else one tick
    more than the newest name has. So whoever's clock is set back still publishes the newest.

    Args:
        now: The time; default: that of the clock.
        after: Names of versions that are there, those of other forms among them.
    """
    now = now or datetime.now(UTC)
    times = [match[1] for name in after if (match := _TIMED.fullmatch(name))]
    if times:
        newest = datetime.strptime(max(times), "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        now = max(now, newest + _TICK)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z-{secrets.token_hex(3)}"


def require_name(version: str) -> str:
    """A version's name, if it can be a folder's.

    Raises:
        StoreError: It cannot.
    """
    if version in ("", ".", "..") or not set("/\\\0").isdisjoint(version):
        raise StoreError(f"{version!r} is no name of a version: expected one without '/'")
    return version


def stale(place: str, current: str | None, expected: str | None) -> StaleVersionError:
    """What is raised where another version became current."""

    def named(version: str | None) -> str:
        return "no version" if version is None else f"version {version!r}"

    return StaleVersionError(
        f"{named(current)} is current in {place} by now, this was made to follow "
        f"{named(expected)}: nothing was published; run again to build on what is there"
    )
