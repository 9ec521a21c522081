"""One rate, kept for each caller."""

from collections import OrderedDict

from predictor_service.limits.token_bucket import TokenBucket

MAX_CALLERS = 10_000
"""Beyond them the one that was silent longest is forgotten, and starts with a full bucket."""


class CallerRates:
    """A bucket for each caller. Used by the event loop alone.

    Args:
        rate_per_s: Of one caller; None for any.
        capacity: What one caller may take at once.
    """

    def __init__(self, rate_per_s: float | None, capacity: float) -> None:
        self.rate_per_s = rate_per_s
        self._capacity = max(1.0, capacity)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, caller: str, cost: int, now_s: float) -> float:
        """Take from a caller's bucket; see `TokenBucket.take`."""
        if self.rate_per_s is None:
            return 0.0
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._new(caller, self.rate_per_s, now_s)
        else:
            self._buckets.move_to_end(caller)
        return bucket.take(now_s, cost)

    def _new(self, caller: str, rate_per_s: float, now_s: float) -> TokenBucket:
        bucket = TokenBucket(rate_per_s=rate_per_s, capacity=self._capacity, now_s=now_s)
        self._buckets[caller] = bucket
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return bucket
