"""The latest values of a stream, in order of size."""

from bisect import bisect_left, bisect_right, insort
from collections import deque


class RecentValues:
    """A sliding window over a stream, asked for quantiles and ranks.

    Args:
        window: Values that are kept; adding one costs a shift of as many, microseconds for 1,000.

    Raises:
        ValueError: If the window is less than 1.
    """

    def __init__(self, window: int = 1_000) -> None:
        if window < 1:
            raise ValueError(f"window is {window}: expected at least 1 value")
        self._window = window
        self._latest: deque[float] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, value: float) -> None:
        """Take a value in, and the oldest out of a full window."""
        if len(self._latest) == self._window:
            del self._ordered[bisect_left(self._ordered, self._latest.popleft())]
        self._latest.append(value)
        insort(self._ordered, value)

    def quantile(self, level: float) -> float:
        """The least value that more than `level` of the window stay at or under; at 1 the greatest.

        Args:
            level: In [0, 1].

        Raises:
            ValueError: If there is no value yet.
        """
        if not self._ordered:
            raise ValueError("no values yet: expected at least one before a quantile is asked for")
        return self._ordered[min(int(level * len(self._ordered)), len(self._ordered) - 1)]

    def rank(self, value: float) -> float:
        """The share of the window that is less than a value, equal ones counted half, in [0, 1].

        Raises:
            ValueError: If there is no value yet.
        """
        if not self._ordered:
            raise ValueError("no values yet: expected at least one before a rank is asked for")
        less = bisect_left(self._ordered, value)
        return (less + self.at_or_under(value)) / 2 / len(self._ordered)

    def at_or_under(self, value: float) -> int:
        """How many values of the window are at most this."""
        return bisect_right(self._ordered, value)
