"""Who is told how a training goes."""

from typing import Protocol


class TrainingProgress(Protocol):
    """Is told how far a training is."""

    def stage(self, name: str) -> None:
        """The passes that follow are of something else, named for people: "Training"."""
        ...

    def epoch(self, number: int, of: int, rows: int) -> None:
        """A pass over so many rows begins."""
        ...

    def rows(self, count: int, *, loss: float | None = None) -> None:
        """So many more rows of it were learnt from; the recent loss."""
        ...

    def validated(self, kendall_tau_b: float) -> None:
        """How well validation rows are ordered after the pass."""
        ...


class SilentTraining:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Passes of something else follow."""

    def epoch(self, number: int, of: int, rows: int) -> None:
        """A pass begins."""

    def rows(self, count: int, *, loss: float | None = None) -> None:
        """Rows were learnt from."""

    def validated(self, kendall_tau_b: float) -> None:
        """Validation rows were predicted."""
