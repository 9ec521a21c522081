"""How many interactive requests came per second, of late."""

from collections import deque

from autoscaler.core.interactive import RATE_WINDOW_S

LEAST_WINDOW_S = 15.0
"""For which the first arrivals are taken to have come at least: a look's time, so that the first
ones do not look like a flood."""

MOST_ARRIVALS = 100_000
"""Of the window that are kept, some MB; beyond 800 a second the window is the shorter."""


class ArrivalRate:
    """Counts what came within the last RATE_WINDOW_S seconds."""

    def __init__(self) -> None:
        self._arrivals_s: deque[float] = deque(maxlen=MOST_ARRIVALS)
        self._began_s: float | None = None

    def begin(self, now_s: float) -> None:
        """Somebody counts from now on; only the first call says when."""
        self._began_s = now_s if self._began_s is None else self._began_s

    def add(self, arrived_s: float) -> None:
        """One came; of those before it began to count, which are told again, it does not."""
        if self._began_s is None or arrived_s >= self._began_s:
            self._arrivals_s.append(arrived_s)

    def per_s(self, now_s: float) -> float:
        """Arrivals per second of the window, or of the time that it has been counted for."""
        while self._arrivals_s and self._arrivals_s[0] < now_s - RATE_WINDOW_S:
            self._arrivals_s.popleft()
        if not self._arrivals_s or self._began_s is None:
            return 0.0
        since_s = self._began_s
        if len(self._arrivals_s) == MOST_ARRIVALS:
            since_s = self._arrivals_s[0]
        return len(self._arrivals_s) / min(RATE_WINDOW_S, max(LEAST_WINDOW_S, now_s - since_s))
