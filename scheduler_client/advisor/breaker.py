"""A circuit breaker: a predictor that fails is left alone, and tried again now and then.

Pure: it decides by the clock it is given and what it is told, and does nothing itself.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal

from scheduler_client.advisor.settings import AdvisorSettings

BreakerState = Literal["closed", "open", "half_open"]

_BACKOFF_FACTOR = 2.0
"""By which the time that it stays open grows at each failed try."""


class CircuitBreaker:
    """Closed, it admits every call; open, none; after a while half open: one, which decides.

    It opens after some failures in a row, or when a full window of calls has too large a share of
    them. Each time the one call fails it stays open twice as long, up to a limit; the first success
    closes it and forgets the failures. Not thread-safe.

    Args:
        settings: Those that begin with `breaker`.
        clock: Monotonic time in seconds, by which it opens for a while.
    """

    def __init__(self, settings: AdvisorSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._recent: deque[bool] = deque(maxlen=settings.breaker_window)
        self._clock = clock
        self._state: BreakerState = "closed"
        self._in_a_row = 0
        self._open_s = settings.breaker_open_s
        self._opened_at_s = 0.0
        """When it opened, or was half opened by a call."""

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        return self._state

    def admit(self) -> bool:
        """Whether to call now; whoever does is to tell how it went.

        Of a call that tries whether all is well again nothing may be heard, since its caller gave
        it up: then another one tries after as long.
        """
        if self._state == "closed":
            return True
        now_s = self._clock()
        if now_s - self._opened_at_s < self._open_s:
            return False
        self._state, self._opened_at_s = "half_open", now_s
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        if self._state == "half_open":
            self._state = "closed"
            self._open_s = self._settings.breaker_open_s
            self._recent.clear()
        self._in_a_row = 0
        self._recent.append(True)

    def failed(self) -> None:
        """A call was not answered, or not in time."""
        self._in_a_row += 1
        self._recent.append(False)
        if self._state == "half_open":
            self._open_s = min(self._open_s * _BACKOFF_FACTOR, self._settings.breaker_max_open_s)
            self._open()
        elif self._state == "closed" and self._too_many():
            self._open()

    def _open(self) -> None:
        self._state = "open"
        self._opened_at_s = self._clock()

    def _too_many(self) -> bool:
        if self._in_a_row >= self._settings.breaker_failures:
            return True
        window = self._settings.breaker_window
        failed = self._recent.count(False)
        return (
            len(self._recent) == window and failed >= self._settings.breaker_failure_rate * window
        )
