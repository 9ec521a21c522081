"""Tells how far a round is, and ends it where it is asked to."""

from collections.abc import Callable
from threading import Event


class StopRoundError(Exception):
    """The round was asked to end; nothing was published."""


class RoundProgress:
    """Is told of every step of a round.

    Args:
        tell: Is given lines for people.
        stop: Set to end the round at the next step.
    """

    def __init__(
        self, tell: Callable[[str], None] = lambda _: None, stop: Event | None = None
    ) -> None:
        self._tell = tell
        self._stop = stop or Event()
        self._passes_of = "Training"

    def note(self, line: str) -> None:
        """Something that people want to know.

        Raises:
            StopRoundError: The round is to end.
        """
        self.check()
        self._tell(line)

    def check(self) -> None:
        """End the round here, if it is to end.

        Raises:
            StopRoundError: It is.
        """
        if self._stop.is_set():
            raise StopRoundError

    # As builds and trainings tell it.

    def stage(self, name: str) -> None:
        """A stage begins."""
        self.check()
        self._passes_of = name

    def rows(self, count: int, *, loss: float | None = None) -> None:  # noqa: ARG002
        """So many more rows were encoded or learnt from."""
        self.check()

    def epoch(self, number: int, of: int, rows: int) -> None:
        """A pass of a training begins."""
        self.note(f"{self._passes_of}, pass {number} of {of} over {rows:,} rows")

    def validated(self, kendall_tau_b: float) -> None:
        """How well a training orders the rows kept apart."""
        self.note(f"Validation tau-b {kendall_tau_b:.3f}")
