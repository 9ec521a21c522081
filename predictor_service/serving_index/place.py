"""What `--index` names: a place of versions, or one artifact that is taken for such a place."""

from pathlib import Path
from typing import NoReturn

from lengthwise.index.errors import StoreError
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout, read_manifest


class LoneArtifact(Published):
    """A place whose only version is the artifact in it, which may be replaced as a whole.

    Args:
        root: The artifact's folder, which may be a link to one.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def current(self) -> str | None:
        layout = ArtifactLayout(self._root)
        return read_manifest(layout).version if layout.exists() else None

    def versions(self) -> list[str]:
        current = self.current()
        return [] if current is None else [current]

    def fetch(self, version: str, into: Path) -> Path:  # noqa: ARG002  it is here already
        if version != self.current():
            self._refuse(f", {self.current()!r}")
        return self._root

    def state_of(self, version: str) -> str:  # noqa: ARG002  there is one
        return ArtifactLayout(self._root).state()

    def make_current(self, version: str) -> None:
        if version != self.current():
            self._refuse()

    def publish(self, folder: Path, version: str, *, expected: str | None) -> None:  # noqa: ARG002  nothing is taken
        """Refuse: an artifact is replaced by whoever builds it, not by the service."""
        self._refuse()

    def _remove(self, version: str) -> None:  # noqa: ARG002  nothing is removed
        self._refuse()

    def _refuse(self, which: str = "") -> NoReturn:
        raise StoreError(
            f"{self} is one artifact{which}: to switch between versions, let --index name a store "
            "of them"
        )


def open_place(place: str, cache: Path | None = None) -> Published:
    """The place that a text means.

    Args:
        place: A folder or a URL.
        cache: Folder for copies of versions; needed for a URL.

    Raises:
        MissingExtraError: What such a URL needs is not installed.
        StoreError: It is no place that anything here reads, or a URL without a cache.
    """
    if "://" in place:
        if cache is None:
            raise StoreError(
                f"{place} needs a folder for copies of its versions: set --index-cache"
            )
    elif ArtifactLayout(Path(place)).exists():
        return LoneArtifact(Path(place))
    return Published.at(place)
