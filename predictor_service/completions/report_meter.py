"""Counts reports of what was reported before."""

from predictor_service.completions.completion_store import Stored
from predictor_service.limited_log import LimitedLog


class ReportMeter:
    """Counts duplicates. Used by the event loop alone.

    A caller that repeats a report after an error is doing right. One that says something else under
    an id that it has used gives ids twice, or has told a wrong length before.
    """

    def __init__(self) -> None:
        self.duplicates = 0
        """Completions whose caller had reported their id before."""
        self.differing = 0
        """Those of them that said something else than before."""
        self._log = LimitedLog("completions under known ids say something else: the first stay")

    def count(self, stored: Stored, caller: str) -> None:
        """Count what became of a report."""
        self.duplicates += stored.duplicates
        self.differing += stored.differing
        if stored.differing:
            self._log.note(caller, stored.differing)
