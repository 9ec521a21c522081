"""A place of versions in memory, whose indexes a test chooses."""

from pathlib import Path

from lengthwise.index.errors import StoreError
from tests.predictor_service.fakes import FakeIndex, FakeVersions


class FakePlace(FakeVersions):
    """A source of versions by name; an exception in place of an index is raised by its loading."""

    def __init__(self, *names: str, **broken: Exception) -> None:
        self.indexes = {name: broken.get(name) or FakeIndex(name) for name in [*names, *broken]}
        self.named = names[0]
        self.loaded: list[str] = []
        self.error: Exception | None = None
        self.fetch_error: Exception | None = None
        self.read_only = False

    def load(self, version: str | None = None) -> FakeIndex:
        name = version or self.named
        self.loaded.append(name)
        index = self.indexes[name]
        if isinstance(index, Exception):
            raise index
        return index

    def current(self) -> str | None:
        if self.error is not None:
            raise self.error
        return self.named

    def versions(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return sorted(self.indexes)

    def fetch(self, version: str, into: Path = Path()) -> Path:
        error = self.error or self.fetch_error
        if error is not None:
            raise error
        return into

    def make_current(self, version: str) -> None:
        if self.read_only:
            raise StoreError("the place is read-only")
        self.named = version
