"""Keys of which no two are equal, for engines that order equal keys by something else."""

from collections import deque

from lengthwise.scheduling.keys import INT64_MAX, INT64_MIN

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
