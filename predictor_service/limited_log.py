"""Warnings that may come thousands of times a second, told now and then."""

import time
from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

PERIOD_S = 60.0
"""Seconds between two lines that say the same: one is read, a thousand bury what else there is."""

MAX_SUBJECTS = 64
"""Subjects told apart, so that made-up ones neither fill the memory nor the log."""

OTHERS = "others"
"""Stands for every subject beyond those."""


class LimitedLog:
    """Tells the first warning of a subject at once, then one a period with the number of them all.

    Args:
        event: What happened, as the log has it.
        period_s: Seconds between two lines of a subject.
        clock: Gives the time in seconds; monotonic.
    """

    def __init__(
        self,
        event: str,
        *,
        period_s: float = PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event = event
        self._period_s = period_s
        self._clock = clock
        self._told_s: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def note(self, subject: str, count: int = 1, **facts: Any) -> None:
        """Note that it happened, and log it if it is time.

        Args:
            subject: What or whom it is about: each has a rate of its own.
            count: How often it happened since the last call, at least once.
            facts: What else the line is to say.
        """
        if subject not in self._told_s and len(self._told_s) >= MAX_SUBJECTS:
            subject = OTHERS
        self._untold[subject] = self._untold.get(subject, 0) + count
        now_s = self._clock()
        if now_s - self._told_s.get(subject, -float("inf")) < self._period_s:
            return
        self._told_s[subject] = now_s
        log.warning(self._event, subject=subject, times=self._untold.pop(subject), **facts)
