"""How long copies take."""

import time
from collections.abc import Generator
from contextlib import contextmanager

SECONDS: tuple[str, ...] = ("out_s", "in_s")
"""Spent on copies, of all workers together."""


class Stopwatch:
    """Seconds that copies take, in this process.

    On a GPU a copy is only begun when its call returns: there it is the time of the host.
    """

    def __init__(self) -> None:
        self._spent_s = dict[str, float].fromkeys(SECONDS, 0.0)

    @contextmanager
    def counting(self, name: str) -> Generator[None]:
        """Add what runs within to one of SECONDS."""
        began_s = time.perf_counter()
        yield
        self._spent_s[name] += time.perf_counter() - began_s

    def take(self) -> dict[str, float]:
        """The seconds since the last time."""
        spent_s, self._spent_s = self._spent_s, dict[str, float].fromkeys(SECONDS, 0.0)
        return spent_s
