"""Priorities as pure functions, shared by the vLLM plugin and the simulator. Lower goes first.

Engines order equal keys by something else: UniqueKeys gives out no two that are equal.
"""

from collections import deque
from collections.abc import Sequence
from math import inf

from lengthwise.scheduling.checks import (
    checked_finite,
    checked_not_negative,
    checked_not_negative_or_infinite,
)

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""What an engine's priority holds. A float, or an int beyond, ends vLLM's input thread."""

US_PER_S = 1_000_000
"""Keys count microseconds: since 1970 they take a five-thousandth of int64."""


def shortest_first_key(predicted_service_time_s: float) -> int:
    """Shortest predicted job first (SSJF, Qiu et al. 2024, arXiv 2404.08509).

    A long job waits for as long as shorter ones keep coming; aged_key ends that.

    Args:
        predicted_service_time_s: In seconds, at least 0; infinity goes last.

    Returns:
        Microseconds in [0, 2**63 - 1].

    Raises:
        ValueError: If the time is negative or not a number.
    """
    return _microseconds(
        checked_not_negative_or_infinite(predicted_service_time_s, "predicted_service_time_s")
    )


def aged_key(arrival_s: float, predicted_service_time_s: float, weight: float = 1.0) -> int:
    """Shortest first with aging: arrival + weight * predicted service time.

    A job overtakes those that arrived up to `weight` times the difference in service time before
    it, and no more, so none waits for ever. All keys age alike as time passes, so the key is
    computed once and no clock is needed in the queue.

    Give every request of a queue such a key: a 0 beside keys that count from 1970 goes before all
    of them. One without a prediction takes the service time that is typical of its LLM.

    Args:
        arrival_s: When the request came, in seconds on any clock that the queue's keys share.
        predicted_service_time_s: In seconds, at least 0; infinity goes last.
        weight: 0 is first come first served; the larger, the nearer to shortest first.

    Returns:
        Microseconds in [-2**63, 2**63 - 1].

    Raises:
        ValueError: If the arrival or the weight is not finite, or a value is negative (the arrival
            may be) or not a number.
    """
    if not (-inf < arrival_s < inf and 0 <= weight < inf and predicted_service_time_s >= 0):
        checked_finite(arrival_s, "arrival_s", "seconds")
        checked_not_negative(weight, "weight")
        checked_not_negative_or_infinite(predicted_service_time_s, "predicted_service_time_s")
    # 0 times infinity is not a number, and would be meant as 0.
    handicap_s = weight * predicted_service_time_s if weight else 0.0
    return _microseconds(arrival_s + handicap_s)


def gittins_key(rank_tokens: float, decode_s_per_output_token: float = 0.02) -> int:
    """Smallest Gittins rank first: best for the mean where lengths are known as distributions.

    The rank changes as tokens come, so a running job's key is to be computed again. Compare such
    keys among themselves alone: unlike `aged_key` they hold no arrival.

    Args:
        rank_tokens: From `gittins_rank`, at least 0.
        decode_s_per_output_token: Time per token; by default SSJF's 0.02 s.

    Returns:
        Microseconds in [0, 2**63 - 1].

    Raises:
        ValueError: If a number is negative or not a number.
    """
    rank_tokens = checked_not_negative_or_infinite(rank_tokens, "rank_tokens")
    rate = checked_not_negative_or_infinite(decode_s_per_output_token, "decode_s_per_output_token")
    return _microseconds(rank_tokens * rate if rate else 0.0)


def dispatch_order(keys: Sequence[int]) -> list[int]:
    """The indices of `keys` in the order that a priority queue serves them; ties as they came."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def _microseconds(seconds: float) -> int:
    """Round to whole microseconds, clamped to int64."""
    microseconds = seconds * US_PER_S
    if microseconds >= INT64_MAX:
        return INT64_MAX
    if microseconds <= INT64_MIN:
        return INT64_MIN
    return round(microseconds)


REMEMBERED = 1 << 17
"""More requests than wait in any engine at once."""

ROOM_US = 1 << 40
"""Left free at the upper end of int64, so that a key that was clamped can still be moved up."""


class UniqueKeys:
    """Moves a key up by microseconds until it differs from those given out before.

    Of two requests with one key the earlier so goes first. Not thread-safe.

    Args:
        remembered: Keys that a new one is to differ from: the latest so many.

    Raises:
        ValueError: If `remembered` is less than 1.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        if remembered < 1:
            raise ValueError(f"remembered is {remembered}: expected at least 1")
        self._remembered = remembered
        self._order: deque[int] = deque()
        self._next: dict[int, int] = {}  # a key given out: where to look for a free one after it

    def unique(self, key: int) -> int:
        """The key, or the next one above it that is free, clamped to int64."""
        wanted = min(max(key, INT64_MIN), INT64_MAX - ROOM_US)
        free = wanted
        while free in self._next:
            free = self._next[free]
        if free != wanted:  # the next request with this key need not go the same way again
            self._next[wanted] = free + 1
        self._next[free] = free + 1
        self._order.append(free)
        if len(self._order) > self._remembered:
            del self._next[self._order.popleft()]
        return free
