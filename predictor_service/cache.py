"""Answers to repeated prompts, the least recently used first to go."""

from collections import OrderedDict

from length_index.decoding import Decoding, decoding_at
from length_index.estimate import Query

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
