"""Versions in a folder of this machine, one of which is current.

ROOT/versions/<version>/   artifacts, each whole or absent
ROOT/CURRENT               name of the served version, replaced in one step
ROOT/.lock                 held while versions change hands
ROOT/.building-*           artifacts being written, each beside a lock that its builder holds:
                           what a killed one left is not locked, and the next removes it
ROOT/.removed-*            versions on their way out; what a killed remover left goes with the next
"""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from lengthwise.index.errors import ArtifactError, StoreError
from lengthwise.index.store.layout import (
    MANIFEST_FILE,
    ArtifactLayout,
    checked_manifest,
    files_of,
    read_manifest,
)
from lengthwise.index.store.locking import building_folder, locked
from lengthwise.index.store.published import Published, require_name, stale

FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What a write says where there is no room: on the disk, in a quota, under a process's limit."""


class FolderStore(Published):
    """A folder; several processes of one machine may publish to it.

    Guaranteed: a version is whole or absent, CURRENT changes in one step, and compare-and-set holds
    whatever is killed when, since all of it happens under a lock that falls with its process. On a
    network file system that holds as far as flock(2) does there.

    Args:
        root: The folder; made when something is published.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def path_of(self, version: str) -> Path:
        """Folder of a version, whether it is there or not."""
        return self.root / "versions" / version

    def versions(self) -> list[str]:
        folder = self.root / "versions"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path.name for path in found if ArtifactLayout(path).exists()]

    def current(self) -> str | None:
        """See `Published.current`.

        Raises:
            StoreError: CURRENT names a version that is not there.
        """
        try:
            version = self._current_file.read_text("utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not ArtifactLayout(self.path_of(version)).exists():
            raise StoreError(
                f"{self._current_file} names {version!r}, which is not in {self.root / 'versions'}:"
                f" set one of {self.versions()} with python -m index_builder use"
            )
        return version

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        manifest = checked_manifest(folder, require_name(version))

        def copy(to: Path) -> None:
            for name in (*files_of(manifest), MANIFEST_FILE):
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, to / name)

        def compare() -> None:
            current = self.current()
            if current != expected:
                raise stale(str(self), current, expected)

        compare()
        self.publish_written(version, copy, before_switch=compare)

    def publish_written(
        self,
        version: str,
        write: Callable[[Path], None],
        *,
        before_switch: Callable[[], None] = lambda: None,
    ) -> Path:
        """Have an artifact written in the store itself and make it current once it is whole.

        Spares a build the copy that `publish` makes. Whatever is current by then is followed.

        Args:
            version: Name of the version, new to the store.
            write: Fills the empty folder that it is given.
            before_switch: Called while nobody else can change what is current; what it raises
                leaves the store as it was.

        Returns:
            The artifact's folder.

        Raises:
            StoreError: The disk is full or cannot be written; nothing is published.
            StoreBusyError: Another process held the store for too long.
        """
        target = self.path_of(version)
        with self._explained():
            self.root.mkdir(parents=True, exist_ok=True)
            with building_folder(self.root) as building:
                write(building)
                sync_folder(building)
                with locked(self.root):
                    before_switch()
                    self._install(building, target)
        return target

    def fetch(self, version: str, into: Path) -> Path:  # noqa: ARG002  it is here already
        self._require(version)
        return self.path_of(version)

    def state_of(self, version: str) -> str:
        return ArtifactLayout(self.path_of(version)).state()

    def make_current(self, version: str) -> None:
        self._require(version)  # before a lock is put into a folder that is no store
        with self._explained(), locked(self.root):
            self._require(version)  # it may have been pruned while the lock was waited for
            with self._naming(version) as aside:
                aside.replace(self._current_file)
            sync_path(self.root)

    def remove(self, version: str, *, even_current: bool = False) -> None:
        """Remove a version; one that is not there is gone already.

        Args:
            version: Name of one of `versions`, or of none.
            even_current: Remove the current one as well, after which none is.

        Raises:
            StoreError: It is the current one, or cannot be removed.
            StoreBusyError: Another process holds the store.
        """
        with self._explained(), locked(self.root):
            if version == self.current():
                if not even_current:
                    raise StoreError(f"{version!r} is the current version of {self.root}: kept")
                self._current_file.unlink()
            aside = self.root / f".removed-{secrets.token_hex(4)}"
            with suppress(FileNotFoundError):
                self.path_of(version).rename(aside)
            for removed in self.root.glob(".removed-*"):
                shutil.rmtree(removed, ignore_errors=True)

    def _remove(self, version: str) -> None:
        self.remove(version)

    def _followed_by(self, version: str) -> str | None:
        try:
            return read_manifest(ArtifactLayout(self.path_of(version))).follows
        except ArtifactError:
            return None  # one that cannot be read is what is rolled back from

    @property
    def _current_file(self) -> Path:
        return self.root / "CURRENT"

    def _naming(self, version: str) -> AbstractContextManager[Path]:
        """A file that names a version, ready to take the place of CURRENT."""
        return written_aside(self.root / ".CURRENT-new", version + "\n")

    def _install(self, building: Path, target: Path) -> None:
        """Move a finished artifact to its place and make it current, or neither."""
        target.parent.mkdir(exist_ok=True)
        with self._naming(target.name) as aside:
            building.rename(target)
            try:
                sync_path(target.parent)
                aside.replace(self._current_file)
            except BaseException:
                target.rename(building)
                raise
        sync_path(self.root)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Whatever the operating system says, as an error for people."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise StoreError(
                    f"{self.root} cannot be written: {error}; nothing was published"
                ) from error
            free_bytes = shutil.disk_usage(self.root).free
            raise StoreError(
                f"the disk of {self.root} is full ({free_bytes / 1e6:,.0f} MB free): make room and "
                "build again; nothing was published and the version in use is untouched"
            ) from error


def resolve_artifact(path: Path) -> Path:
    """The artifact that a path means: itself, or a store's current version.

    Raises:
        ArtifactError: The path is neither, or a store in which nothing was published.
    """
    if ArtifactLayout(path).exists():
        return path
    store = FolderStore(path)
    current = store.current()
    if current is not None:
        return store.path_of(current)
    if not path.is_dir():
        raise ArtifactError(f"{path} is not a folder: expected an index artifact or store")
    raise ArtifactError(
        f"{path} is neither an index artifact (no manifest.json) nor a store of them (no CURRENT): "
        f"make one with python -m index_builder build --history FILE --out {path}"
    )


def sync_folder(root: Path) -> None:
    """Flush every file and folder in a folder, and itself, to the disk."""
    for path in [*root.rglob("*"), root]:
        sync_path(path)


def sync_path(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path, text: str) -> Generator[Path]:
    """A file with some text, on the disk and ready to be put in another's place in one step.

    It is removed at the end, unless it was moved away.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)
