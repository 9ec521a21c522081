"""A rate with room for bursts."""


class TokenBucket:
    """Fills at a rate up to a capacity.

    Args:
        rate_per_s: Tokens that come per second.
        capacity: Tokens it holds, and holds at first.
        now_s: The present.
    """

    __slots__ = ("_capacity", "_rate_per_s", "_then_s", "_tokens")

    def __init__(self, *, rate_per_s: float, capacity: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = capacity
        self._tokens = capacity
        self._then_s = now_s

    def take(self, now_s: float, cost: int = 1) -> float:
        """Take tokens, if there is one; more than there are leave a debt, which comes in first.

        Returns:
            0 if they were taken; else the seconds until they can be, and nothing is taken.
        """
        elapsed_s = max(0.0, now_s - self._then_s)
        self._then_s = now_s
        self._tokens = min(self._capacity, self._tokens + elapsed_s * self._rate_per_s)
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate_per_s
        self._tokens -= cost
        return 0.0
