"""When cached answers are too old because rows were learnt since."""

import time
from collections.abc import Callable

MIN_AGE_S = 0.5


class Generation:
    """Numbers the answers: those of an earlier number may lack rows that were learnt since.

    A row changes the answers to prompts near it, and which those are is not known without searching
    again. So all cached answers are given up, but only twice a second: a busy service learns rows
    many times a second, and a cache that is emptied each time would answer nothing. Half a second
    still catches what caches are for, the same prompt many times at once, and no answer is older
    than a reported length is promised to take. A lone report counts at once, and where nothing is
    reported answers stay for good.

    Args:
        min_age_s: Seconds that a number lasts at least.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, min_age_s: float = MIN_AGE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._min_age_s = min_age_s
        self._clock = clock
        self._began_s = -float("inf")
        self._added = 0
        self._seen = 0
        self._number = 0

    def rows_added(self) -> None:
        """Tell that rows were added; called by one thread alone, which may be any."""
        self._added += 1

    def current(self) -> int:
        """The number that answers get now; called by the event loop alone."""
        added = self._added
        if added != self._seen:
            now_s = self._clock()
            if now_s - self._began_s >= self._min_age_s:
                self._seen, self._began_s = added, now_s
                self._number += 1
        return self._number
