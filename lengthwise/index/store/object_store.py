"""Versions as objects of a store behind fsspec: S3 and what speaks its language, and others."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lengthwise.index.errors import (
    ArtifactError,
    ArtifactIncompleteError,
    LengthIndexError,
    MissingExtraError,
    StoreError,
)
from lengthwise.index.store.folder_store import FolderStore
from lengthwise.index.store.layout import MANIFEST_FILE, ArtifactLayout, checked_manifest, files_of
from lengthwise.index.store.manifest import Manifest
from lengthwise.index.store.pointer import Pointer, pointer_at
from lengthwise.index.store.published import Published, require_name, stale


class ObjectStore(Published):
    """A prefix of an object store, where nothing can be renamed.

    Guaranteed everywhere: a version's manifest is written after all of its files and CURRENT after
    the manifest, so that whoever reads sees a version whole or not at all, and a publisher that is
    killed leaves at most objects that nothing names; `prune` removes them. What compare-and-set of
    CURRENT guarantees depends on the store: see `pointer`.

    Args:
        filesystem: Of fsspec, without a cache of listings.
        root: The prefix in it, bucket first, under which versions/ and CURRENT lie.
        name: What messages call the place: its URL without credentials.
    """

    def __init__(self, filesystem: Any, root: str, name: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._name = name
        self._pointer: Pointer = pointer_at(filesystem, f"{self._root}/CURRENT")

    @classmethod
    def from_url(cls, url: str) -> "ObjectStore":
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
        with self._explained("read"):
            return self._pointer.read()

    def versions(self) -> list[str]:
        with self._explained("read"):
            found = self._found()
        return sorted(version for version, names in found.items() if MANIFEST_FILE in names)

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        manifest = checked_manifest(folder, require_name(version))
        with self._explained("written; nothing was published"):
            self._compare(expected)
            if MANIFEST_FILE in self._names_of(version):
                raise StoreError(f"{self} has a version {version!r} already: it is never replaced")
            try:
                for name in (*files_of(manifest), MANIFEST_FILE):
                    self._filesystem.put_file(str(folder / name), self._object(version, name))
                self._exchange(expected, version)
            except BaseException:
                self._take_back(version)
                raise

    def fetch(self, version: str, into: Path) -> Path:
        cache = FolderStore(into)
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
            return cache.publish_written(version, lambda folder: self._download(version, folder))
        except StoreError:
            # Another process that shares the cache may have been faster.
            if not ArtifactLayout(path).exists():
                raise
            return path

    def state_of(self, version: str) -> str:
        prefix = f"{self._root}/versions/{version}"
        with self._explained("read"):
            found: dict[str, dict[str, Any]] = self._filesystem.find(prefix, detail=True)
        told = ("size", "ETag", "LastModified", "created")
        return "\n".join(
            f"{path} {' '.join(str(facts.get(name)) for name in told)}"
            for path, facts in sorted(found.items())
        )

    def make_current(self, version: str) -> None:
        self._require(version)
        with self._explained("written"):
            self._exchange(self._pointer.read(), version)

    def prune(self, keep: int) -> list[str]:
        """See `Published.prune`; removes what killed publishers left before the oldest as well."""
        gone = super().prune(keep)
        with self._explained("written"):
            found = self._found()
            whole = sorted(version for version, names in found.items() if MANIFEST_FILE in names)
            for version in found:
                # One that is being uploaded now was begun after those that are published.
                if whole and version < whole[0]:
                    self._remove(version)
        return gone

    def _followed_by(self, version: str) -> str | None:
        name = self._object(version, MANIFEST_FILE)
        with self._explained("read"):
            try:
                return Manifest.from_json(self._filesystem.cat_file(name), Path(name)).follows
            except (ArtifactError, FileNotFoundError):
                return None  # one that cannot be read is what is rolled back from

    def _remove(self, version: str) -> None:
        with self._explained("written"):
            for name in sorted(self._names_of(version), key=lambda name: name != MANIFEST_FILE):
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
            self._get(version, MANIFEST_FILE, folder)
            manifest = Manifest.from_json(
                (folder / MANIFEST_FILE).read_bytes(), Path(self._object(version, MANIFEST_FILE))
            )
            for name in files_of(manifest):
                try:
                    self._get(version, name, folder)
                except FileNotFoundError as error:
                    # It may be on its way, where a version is copied by other means than ours.
                    raise ArtifactIncompleteError(
                        f"{self} has no {name} of the version {version!r}: copy it there, or "
                        "publish the version again"
                    ) from error
            checked_manifest(folder, version)

    def _get(self, version: str, name: str, folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        self._filesystem.get_file(self._object(version, name), str(folder / name))

    def _found(self) -> dict[str, set[str]]:
        """Names of the objects of each version, whole or not, in one listing."""
        found: dict[str, set[str]] = {}
        for path in self._below(f"{self._root}/versions"):
            version, _, name = path.partition("/")
            if name:
                found.setdefault(version, set()).add(name)
        return found

    def _names_of(self, version: str) -> list[str]:
        """Names of the objects of one version, whole or not; its own are listed alone."""
        return self._below(f"{self._root}/versions/{version}")

    def _below(self, prefix: str) -> list[str]:
        start = f"{prefix}/"
        found = [str(path) for path in self._filesystem.find(prefix)]
        return [path.removeprefix(start) for path in found if path.startswith(start)]

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
