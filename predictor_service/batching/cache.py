"""Answers to repeated prompts: the least recently used go first, and all that are too old."""

import time
from collections import OrderedDict
from collections.abc import Callable

from lengthwise.index.estimate.decoding import Decoding, decoding_at
from lengthwise.index.estimate.estimate import Query

ENTRY_OVERHEAD_BYTES = 400
"""Roughly what an entry takes beside its texts: key, query, links."""

Key = tuple[str, str, str, int | None, int, bool, Decoding, int]


def cache_key(version: str, query: Query, generation: int = 0) -> Key:
    """Everything that decides the answer; a plain tuple, since its hash is the cheapest.

    Args:
        version: Of the index.
        query: What is asked.
        generation: See `Generation`.
    """
    return (
        version,
        query.prompt,
        query.model,
        query.max_tokens,
        query.neighbour_count,
        query.include_neighbour_text,
        # Of the temperature no more than this decides the answer.
        decoding_at(query.temperature),
        generation,
    )


class PredictionCache:
    """Serialised answers, which their keys keep from going stale; see `cache_key`.

    Args:
        capacity: Entries kept; 0 turns the cache off.
        capacity_bytes: Rough bound on their memory.
    """

    def __init__(self, *, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Key, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Roughly the memory that the entries take."""
        return self._bytes

    def get(self, key: Key) -> bytes | None:
        """The answer, if it is known."""
        answer = self._entries.get(key)
        if answer is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return answer

    def put(self, key: Key, answer: bytes) -> None:
        """Keep an answer, at the cost of the least recently used."""
        size = _entry_bytes(key, answer)
        if not self._capacity or size > self._capacity_bytes:
            return
        replaced = self._entries.pop(key, None)
        if replaced is not None:
            self._bytes -= _entry_bytes(key, replaced)
        self._entries[key] = answer
        self._bytes += size
        while len(self._entries) > self._capacity or self._bytes > self._capacity_bytes:
            old_key, old_answer = self._entries.popitem(last=False)
            self._bytes -= _entry_bytes(old_key, old_answer)


def _entry_bytes(key: Key, answer: bytes) -> int:
    return len(key[1]) + len(answer) + ENTRY_OVERHEAD_BYTES


MIN_AGE_S = 0.5


class Generation:
    """Numbers the answers: those of an earlier number may lack rows that were learnt since.

    A row changes the answers to prompts near it, and which those are is not known without searching
    again. So all cached answers are given up, but only twice a second: a busy service learns rows
    many times a second, and a cache that is emptied each time would answer nothing. Half a second
    still catches what caches are for, the same prompt many times at once, and no answer is older
    than a reported length is promised to take. A lone report counts at once, and where nothing is
    reported answers stay for good.

    Args:
        min_age_s: Seconds that a number lasts at least.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, min_age_s: float = MIN_AGE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._min_age_s = min_age_s
        self._clock = clock
        self._began_s = -float("inf")
        self._added = 0
        self._seen = 0
        self._number = 0

    def rows_added(self) -> None:
        """Tell that rows were added; called by one thread alone, which may be any."""
        self._added += 1

    def current(self) -> int:
        """The number that answers get now; called by the event loop alone."""
        added = self._added
        if added != self._seen:
            now_s = self._clock()
            if now_s - self._began_s >= self._min_age_s:
                self._seen, self._began_s = added, now_s
                self._number += 1
        return self._number
