"""Who is told how a build goes."""

from typing import Protocol


class BuildProgress(Protocol):
    """Is told how far a build is."""

    def stage(self, name: str) -> None:
        """A stage begins: "encode", "index", "calibrate"."""
        ...

    def rows(self, count: int) -> None:
        """So many more rows were encoded."""
        ...


class SilentProgress:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Nothing is told."""

    def rows(self, count: int) -> None:
        """Nothing is told."""
