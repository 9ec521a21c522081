"""Versions in a folder of this machine: the place is an `IndexStore`."""

import shutil
from pathlib import Path

from lengthwise.index.errors import StoreError
from lengthwise.index.store.published import Published
from lengthwise.index.store.store import IndexStore
from lengthwise.index.store.whole import MANIFEST, checked_manifest, files_of, require_name, stale


class FolderPlace(Published):
    """A folder; several processes of one machine may publish to it.

    Guaranteed: a version is whole or absent, CURRENT changes in one step, and compare-and-set holds
    whatever is killed when, since all of it happens under a lock that falls with its process. On a
    network file system that holds as far as flock(2) does there.

    Args:
        root: The folder; made when something is published.
    """

    def __init__(self, root: Path) -> None:
        self._store = IndexStore(root)

    def __str__(self) -> str:
        return str(self._store.root)

    def current(self) -> str | None:
        """See `Published.current`."""
        return self._store.current()

    def versions(self) -> list[str]:
        """See `Published.versions`."""
        return self._store.versions()

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:
        """See `Published.publish`."""
        manifest = checked_manifest(folder, require_name(version))

        def copy(to: Path) -> None:
            for name in (*files_of(manifest), MANIFEST):
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, to / name)

        def compare() -> None:
            current = self.current()
            if current != expected:
                raise stale(str(self), current, expected)

        compare()
        self._store.publish(version, copy, before_switch=compare)

    def fetch(self, version: str, into: Path) -> Path:  # noqa: ARG002  it is here already
        """See `Published.fetch`."""
        if version not in self.versions():
            raise StoreError(
                f"{self} has no version {version!r}: expected one of {self.versions()}"
            )
        return self._store.path_of(version)

    def make_current(self, version: str) -> None:
        """See `Published.make_current`."""
        self._store.use(version)

    def _remove(self, version: str) -> None:
        self._store.remove(version)
