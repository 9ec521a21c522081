"""A circuit breaker: a predictor that fails is left alone, and tried again now and then.

Pure: it decides by the clock it is given and what it is told, and does nothing itself.
"""

from collections import deque
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

_BACKOFF_FACTOR = 2.0
"""By which the time that it stays open grows at each failed try."""


class CircuitBreaker:
    """Closed, it admits every call; open, none; after a while half open: one, which decides.

    It opens after some failures in a row, or when a full window of calls has too large a share of
    them. Each time the one call fails it stays open twice as long, up to a limit; the first success
    closes it and forgets the failures. Not thread-safe.

    Args:
        failures: In a row, that open it.
        failure_rate: Share of failed calls in a full window that opens it, in (0, 1].
        window: The latest calls, as many as that share is taken of.
        open_s: How long it stays open at first, in seconds.
        max_open_s: What that grows to at most, in seconds.
        clock: Monotonic time in seconds, by which it opens for a while.
    """

    def __init__(
        self,
        *,
        failures: int,
        failure_rate: float,
        window: int,
        open_s: float,
        max_open_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._recent: deque[bool] = deque(maxlen=window)
        self._first_open_s = open_s
        self._max_open_s = max_open_s
        self._clock = clock
        self._state: BreakerState = "closed"
        self._in_a_row = 0
        self._open_s = open_s
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
            self._open_s = self._first_open_s
            self._recent.clear()
        self._in_a_row = 0
        self._recent.append(True)

    def failed(self) -> None:
        """A call was not answered, or not in time."""
        self._in_a_row += 1
        self._recent.append(False)
        if self._state == "half_open":
            self._open_s = min(self._open_s * _BACKOFF_FACTOR, self._max_open_s)
            self._open()
        elif self._state == "closed" and self._too_many():
            self._open()

    def _open(self) -> None:
        self._state = "open"
        self._opened_at_s = self._clock()

    def _too_many(self) -> bool:
        if self._in_a_row >= self._failures:
            return True
        window = self._recent.maxlen or 1
        full = len(self._recent) == window
        return full and self._recent.count(False) >= self._failure_rate * window
