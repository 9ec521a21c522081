"""A place of versions in memory, whose indexes a test chooses."""

from lengthwise.index.errors import StoreError
from predictor_service.drift.promise import Promises
from tests.predictor_service.fakes import FakeIndex


class FakePlace:
    """A source of versions by name; an exception in place of an index is raised by its loading."""

    def __init__(self, *names: str, **broken: Exception) -> None:
        self.indexes = {name: broken.get(name) or FakeIndex(name) for name in [*names, *broken]}
        self.named = names[0]
        self.loaded: list[str] = []
        self.error: Exception | None = None
        self.read_only = False
        self.promised = Promises()

    def load(self, version: str | None = None) -> FakeIndex:
        name = version or self.named
        self.loaded.append(name)
        index = self.indexes[name]
        if isinstance(index, Exception):
            raise index
        return index

    def promises(self, version: str) -> Promises:
        return self.promised

    def current(self) -> str | None:
        if self.error is not None:
            raise self.error
        return self.named

    def versions(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return sorted(self.indexes)

    def fetch(self, version: str) -> None:
        if self.error is not None:
            raise self.error

    def make_current(self, version: str) -> None:
        if self.read_only:
            raise StoreError("the place is read-only")
        self.named = version

    def prepare_thread(self, *, wide: bool = False) -> None:
        pass
