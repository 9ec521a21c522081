"""A folder of index versions, one of which is current.

STORE/versions/<version>/   artifacts, each whole or absent
STORE/CURRENT               name of the served version, replaced in one step
STORE/.lock                 held while versions change hands
STORE/.building-*           artifacts being written, each beside a lock that its builder holds:
                            what a killed one left is not locked, and the next removes it
STORE/.removed-*            versions on their way out; what a killed remover left goes with the next
"""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from lengthwise.index.errors import ArtifactError, StoreBusyError, StoreError
from lengthwise.index.store.layout import ArtifactLayout, sync_folder

LOCK_TIMEOUT_S = 30.0
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class IndexStore:
    """A folder of versions.

    Args:
        root: The folder; made when something is published.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def _current_file(self) -> Path:
        return self.root / "CURRENT"

    def path_of(self, version: str) -> Path:
        """Folder of a version."""
        return self.root / "versions" / version

    def versions(self) -> list[str]:
        """All versions, oldest first (their names begin with the time of the build)."""
        folder = self.root / "versions"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path.name for path in found if ArtifactLayout(path).exists()]

    def current(self) -> str | None:
        """The served version; None if none was published yet.

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

    def use(self, version: str) -> None:
        """Make a version current, in one step.

        Raises:
            StoreError: There is no such version.
            StoreBusyError: Another process holds the store.
        """
        if version not in self.versions():
            raise StoreError(
                f"{self.root} has no version {version!r}: expected one of {self.versions()}"
            )
        try:
            with self._locked():
                self._point_to(version)
        except OSError as error:
            raise self._explained(error) from error

    def publish(
        self,
        version: str,
        write: Callable[[Path], None],
        *,
        before_switch: Callable[[], None] = lambda: None,
    ) -> Path:
        """Write an artifact aside and make it current once it is whole.

        Args:
            version: Its name.
            write: Fills the folder that it is given.
            before_switch: Called while nobody else can change what is current; what it raises
                leaves the store as it was.

        Returns:
            The artifact's folder.

        Raises:
            StoreError: The disk is full or cannot be written; nothing is published.
            StoreBusyError: Another process held the store for too long.
        """
        target = self.path_of(version)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with self._place_to_build() as building:
                write(building)
                sync_folder(building)
                with self._locked():
                    before_switch()
                    self._install(building, target)
        except OSError as error:
            raise self._explained(error) from error
        return target

    def remove(self, version: str, *, even_current: bool = False) -> None:
        """Remove a version; one that is not there is gone already.

        Args:
            version: Which one.
            even_current: Remove the current one as well, after which none is.

        Raises:
            StoreError: It is the current one, or cannot be removed.
            StoreBusyError: Another process holds the store.
        """
        try:
            with self._locked():
                if version == self.current():
                    if not even_current:
                        raise StoreError(f"{version!r} is the current version of {self.root}: kept")
                    self._current_file.unlink()
                aside = self.root / f".removed-{secrets.token_hex(4)}"
                with suppress(FileNotFoundError):
                    self.path_of(version).rename(aside)
                for removed in self.root.glob(".removed-*"):
                    shutil.rmtree(removed, ignore_errors=True)
        except OSError as error:
            raise self._explained(error) from error

    @contextmanager
    def _place_to_build(self) -> Generator[Path]:
        """A folder of this builder's own, removed if it is still there at the end.

        Its lock falls with the process that holds it, however that ends and whichever container
        it runs in: process numbers would not tell.
        """
        building = self.root / f".building-{secrets.token_hex(4)}"
        lock = building.with_suffix(".lock")
        with self._locked():
            self._remove_abandoned()
            file = lock.open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            building.mkdir()
            yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)
            lock.unlink(missing_ok=True)
            file.close()

    def _install(self, building: Path, target: Path) -> None:
        """Move a finished artifact to its place and make it current, or neither."""
        target.parent.mkdir(exist_ok=True)
        with self._aside(target.name) as aside:
            building.rename(target)
            try:
                sync_folder_entry(target.parent)
                aside.replace(self._current_file)
            except BaseException:
                target.rename(building)
                raise
        sync_folder_entry(self.root)

    def _explained(self, error: OSError) -> StoreError:
        if error.errno in FULL_DISK:
            free = shutil.disk_usage(self.root).free
            return StoreError(
                f"the disk of {self.root} is full ({free / 1e6:,.0f} MB free): make room and build "
                "again; nothing was published and the version in use is untouched"
            )
        return StoreError(f"{self.root} cannot be written: {error}; nothing was published")

    def _point_to(self, version: str) -> None:
        with self._aside(version) as aside:
            aside.replace(self._current_file)
        sync_folder_entry(self.root)

    @contextmanager
    def _aside(self, version: str) -> Generator[Path]:
        """A file that names a version, on the disk and ready to take the place of CURRENT."""
        path = self.root / ".CURRENT-new"
        try:
            with path.open("w", encoding="utf-8") as file:
                file.write(version + "\n")
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _remove_abandoned(self) -> None:
        """Remove what killed builders left behind."""
        for lock in self.root.glob(".building-*.lock"):
            with lock.open("w") as file:
                if _try_lock(file.fileno()):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Generator[None]:
        with (self.root / ".lock").open("w") as file:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while not _try_lock(file.fileno()):
                if time.monotonic() > deadline:
                    raise StoreBusyError(
                        f"another process has held {self.root / '.lock'} for {LOCK_TIMEOUT_S:.0f} s"
                        ": wait for it to end and try again"
                    )
                time.sleep(0.05)
            yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder_entry(folder: Path) -> None:
    """Flush a folder's list of names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def resolve_artifact(path: Path) -> Path:
    """The artifact that a path means: itself, or a store's current version.

    Raises:
        ArtifactError: The path is neither, or a store in which nothing was published.
    """
    if ArtifactLayout(path).exists():
        return path
    store = IndexStore(path)
    current = store.current()
    if current is not None:
        return store.path_of(current)
    if not path.is_dir():
        raise ArtifactError(f"{path} is not a folder: expected an index artifact or store")
    raise ArtifactError(
        f"{path} is neither an index artifact (no manifest.json) nor a store of them (no CURRENT): "
        f"make one with python -m index_builder build --history FILE --out {path}"
    )
