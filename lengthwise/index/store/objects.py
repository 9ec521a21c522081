"""Versions as objects of a store behind fsspec: S3 and what speaks its language, and others."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lengthwise.index.errors import ArtifactError, LengthIndexError, MissingExtraError, StoreError
from lengthwise.index.store.layout import ArtifactLayout, Manifest
from lengthwise.index.store.pointer import Pointer, pointer_at
from lengthwise.index.store.published import Published
from lengthwise.index.store.store import IndexStore
from lengthwise.index.store.whole import MANIFEST, checked_manifest, files_of, require_name, stale


class ObjectPlace(Published):
    """A prefix of an object store, where nothing can be renamed.

    Guaranteed everywhere: a version's manifest is written after all of its files and CURRENT after
    the manifest, so that whoever reads sees a version whole or not at all, and a publisher that is
    killed leaves at most objects that nothing names; `prune` removes them. What compare-and-set of
    CURRENT guarantees depends on the store: see `pointer`.

    Args:
        filesystem: Of fsspec, without a cache of listings.
        root: The prefix in it.
        name: For messages.
    """

    def __init__(self, filesystem: Any, root: str, name: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._name = name
        self._pointer: Pointer = pointer_at(filesystem, f"{self._root}/CURRENT")

    @classmethod
    def from_url(cls, url: str) -> "ObjectPlace":
        """The place that a URL means; credentials come from the environment, as is usual there.

        Raises:
            MissingExtraError: What such a URL needs is not installed.
            StoreError: It is of a kind that nothing here reads.
        """
        name = without_credentials(url)
        scheme = urlsplit(url).scheme
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415  only where it is wanted
        except ImportError as error:
            raise MissingExtraError.for_module("fsspec", "remote") from error
        try:
            filesystem, root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            if scheme in ("s3", "s3a"):
                raise MissingExtraError.for_module("s3fs", "s3") from error
            raise MissingExtraError(f"{name} cannot be used: {error}") from error
        except ValueError as error:
            raise StoreError(
                f"{name} is not a place that fsspec knows ({error}): expected a folder, or a URL "
                "such as s3://bucket/prefix"
            ) from error
        return cls(filesystem, root, name)

    def __str__(self) -> str:
        return self._name

    def current(self) -> str | None:
        """See `Published.current`."""
        with self._explained("read"):
            return self._pointer.read()

    def versions(self) -> list[str]:
        """See `Published.versions`."""
        with self._explained("read"):
            found = self._found()
        return sorted(version for version, names in found.items() if MANIFEST in names)

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        """See `Published.publish`."""
        manifest = checked_manifest(folder, require_name(version))
        with self._explained("written; nothing was published"):
            self._compare(expected)
            if MANIFEST in self._found().get(version, ()):
                raise StoreError(f"{self} has a version {version!r} already: it is never replaced")
            try:
                for name in (*files_of(manifest), MANIFEST):
                    self._filesystem.put_file(str(folder / name), self._object(version, name))
                self._exchange(expected, version)
            except BaseException:
                self._take_back(version)
                raise

    def fetch(self, version: str, into: Path) -> Path:
        """See `Published.fetch`."""
        cache = IndexStore(into)
        path = cache.path_of(require_name(version))
        if ArtifactLayout(path).exists():
            try:
                checked_manifest(path, version)
            except ArtifactError:
                # What a disk spoilt is fetched again.
                cache.remove(version, even_current=True)
            else:
                return path
        try:
            return cache.publish(version, lambda folder: self._download(version, folder))
        except StoreError:
            # Another process that shares the cache may have been faster.
            if not ArtifactLayout(path).exists():
                raise
            return path

    def make_current(self, version: str) -> None:
        """See `Published.make_current`."""
        if version not in self.versions():
            raise StoreError(
                f"{self} has no version {version!r}: expected one of {self.versions()}"
            )
        with self._explained("written"):
            self._exchange(self._pointer.read(), version)

    def prune(self, keep: int) -> list[str]:
        """See `Published.prune`; removes what killed publishers left before the oldest as well."""
        gone = super().prune(keep)
        with self._explained("written"):
            found = self._found()
            whole = sorted(version for version, names in found.items() if MANIFEST in names)
            for version in found:
                # One that is being uploaded now was begun after those that are published.
                if whole and version < whole[0]:
                    self._remove(version)
        return gone

    def _remove(self, version: str) -> None:
        with self._explained("written"):
            names = self._found().get(version, set())
            for name in sorted(names, key=lambda name: name != MANIFEST):
                self._filesystem.rm_file(self._object(version, name))

    def _take_back(self, version: str) -> None:
        """Remove what was uploaded, unless it became current after all."""
        try:
            if self._pointer.read() != version:
                self._remove(version)
        except Exception:  # noqa: BLE001, S110  the first error is the one to tell
            pass

    def _download(self, version: str, folder: Path) -> None:
        with self._explained("read"):
            self._get(version, MANIFEST, folder)
            manifest = Manifest.from_json(
                (folder / MANIFEST).read_bytes(), Path(self._object(version, MANIFEST))
            )
            for name in files_of(manifest):
                self._get(version, name, folder)
            checked_manifest(folder, version)

    def _get(self, version: str, name: str, folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        self._filesystem.get_file(self._object(version, name), str(folder / name))

    def _found(self) -> dict[str, set[str]]:
        """Names of the objects of each version, whole or not, in one listing."""
        prefix = f"{self._root}/versions/"
        found: dict[str, set[str]] = {}
        for path in self._filesystem.find(prefix.rstrip("/")):
            version, _, name = str(path).removeprefix(prefix).partition("/")
            if name:
                found.setdefault(version, set()).add(name)
        return found

    def _compare(self, expected: str | None) -> None:
        current = self._pointer.read()
        if current != expected:
            raise stale(str(self), current, expected)

    def _exchange(self, expected: str | None, version: str) -> None:
        if not self._pointer.exchange(expected, version):
            raise stale(str(self), self._pointer.read(), expected)

    def _object(self, version: str, name: str) -> str:
        return f"{self._root}/versions/{version}/{name}"

    @contextmanager
    def _explained(self, done: str) -> Generator[None]:
        """Whatever an object store's client raises, as one error of ours."""
        try:
            yield
        except LengthIndexError:
            raise
        except Exception as error:
            raise StoreError(f"{self} cannot be {done}: {type(error).__name__}: {error}") from error


def without_credentials(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
