"""A circuit breaker: a predictor that fails is left alone, and tried again now and then.

Pure: it decides by the clock it is given and what it is told, and does nothing itself.
"""

from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

FAILURES = 5
"""Failed messages in a row after which the predictor is left alone."""

OPEN_S = 1.0
"""How long it is, in seconds, before one message tries it: that one costs next to nothing."""


class CircuitBreaker:
    """Closed, it admits every call; open, none; after a while half open: one, which decides.

    It opens after some failures in a row. If the one call fails it stays open for as long again;
    the first one that succeeds closes it. Not thread-safe.

    Args:
        clock: Monotonic time in seconds, by which it opens for a while.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._state: BreakerState = "closed"
        self._in_a_row = 0
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
        if now_s - self._opened_at_s < OPEN_S:
            return False
        self._state, self._opened_at_s = "half_open", now_s
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._in_a_row = 0
        if self._state == "half_open":
            self._state = "closed"

    def failed(self) -> None:
        """A call was not answered, or not in time."""
        self._in_a_row += 1
        if self._state == "open":  # it was out when that began
            return
        if self._state == "half_open" or self._in_a_row >= FAILURES:
            self._state, self._opened_at_s = "open", self._clock()
