"""A folder of index versions, one of which is current.

STORE/versions/<version>/   artifacts, each whole or absent
STORE/CURRENT               name of the served version, replaced in one step
STORE/.lock                 held while versions change hands
STORE/.building-*           artifacts being written; left-overs of killed builds are removed
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from length_index.errors import ArtifactError, StoreBusyError, StoreError
from length_index.layout import ArtifactLayout, sync_folder

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
        except FileNotFoundError:
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
        with self._locked():
            self._point_to(version)

    def roll_back(self) -> str:
        """Make the version before the current one current, and give its name.

        Raises:
            StoreError: There is none.
        """
        versions, current = self.versions(), self.current()
        place = versions.index(current) if current in versions else 0
        if place == 0:
            raise StoreError(
                f"{self.root} has no version before {current!r}: nothing to roll back to"
            )
        self.use(versions[place - 1])
        return versions[place - 1]

    def publish(self, version: str, write: Callable[[Path], None]) -> Path:
        """Write an artifact aside and make it current once it is whole.

        Args:
            version: Its name.
            write: Fills the folder that it is given.

        Returns:
            The artifact's folder.

        Raises:
            StoreError: The disk is full or cannot be written; nothing is published.
            StoreBusyError: Another process held the store for too long.
        """
        building: Path | None = None
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            building = Path(mkdtemp(prefix=f".building-{os.getpid()}-", dir=self.root))
            write(building)
            building.chmod(0o755)
            sync_folder(building)
            with self._locked():
                target = self.path_of(version)
                target.parent.mkdir(exist_ok=True)
                building.rename(target)
                sync_folder_entry(target.parent)
                self._point_to(version)
        except OSError as error:
            raise self._explained(error) from error
        finally:
            if building is not None:
                shutil.rmtree(building, ignore_errors=True)
        return target

    def _explained(self, error: OSError) -> StoreError:
        if error.errno in FULL_DISK:
            free = shutil.disk_usage(self.root).free
            return StoreError(
                f"the disk of {self.root} is full ({free / 1e6:,.0f} MB free): make room and build "
                "again; nothing was published and the version in use is untouched"
            )
        return StoreError(f"{self.root} cannot be written: {error}; nothing was published")

    def _point_to(self, version: str) -> None:
        aside = self.root / f".CURRENT-{os.getpid()}"
        with aside.open("w", encoding="utf-8") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._current_file)
        sync_folder_entry(self.root)

    def _remove_abandoned(self) -> None:
        """Remove what builds left behind whose process is gone."""
        for path in self.root.glob(".building-*"):
            process = path.name.split("-")[1]
            if process.isdigit() and not _is_alive(int(process)):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
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


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
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
