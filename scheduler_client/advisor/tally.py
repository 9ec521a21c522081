"""Counts as things happen, for the snapshot."""

from bisect import bisect_left

from scheduler_client.advisor.advice import Advice, FallbackCause
from scheduler_client.advisor.counters import FALLBACK_CAUSES, LATENCY_BOUNDS_S


class Tally:
    """The numbers that only grow. Not thread-safe."""

    def __init__(self) -> None:
        self.predictions = 0
        self.fallbacks: dict[FallbackCause, int] = dict.fromkeys(FALLBACK_CAUSES, 0)
        self.latency_counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.latency_sum_s = 0.0
        self.error_count = 0
        self.absolute_error_sum_tokens = 0.0

    def advised(self, advice: Advice) -> None:
        """A request waited for its key and got it."""
        if advice.fallback is None:
            self.predictions += 1
        else:
            self.fallbacks[advice.fallback] += 1
        self.latency_counts[bisect_left(LATENCY_BOUNDS_S, advice.latency_s)] += 1
        self.latency_sum_s += advice.latency_s

    def not_asked(self) -> None:
        """A request got its key without waiting."""
        self.fallbacks["not_asked"] += 1

    def ended(self, predicted_tokens: float, output_tokens: int) -> None:
        """An answer that was predicted ended by itself."""
        self.error_count += 1
        self.absolute_error_sum_tokens += abs(predicted_tokens - output_tokens)
