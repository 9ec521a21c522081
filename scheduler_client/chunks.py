"""Cut a sequence into messages, each within a number of items and of bytes."""

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ITEMS_PER_MESSAGE = 256
"""Many enough to fill the service's micro-batches, few enough to be answered within a deadline."""

FRAMING_BYTES = 8
"""At most what protobuf puts before an item of a message: a tag and a length."""


class Chunker(Generic[T]):
    """Collects items until a chunk is full; an item that is over the bytes alone goes alone.

    Args:
        max_items: Items in a chunk at most.
        max_bytes: Bytes of a chunk at most, as protobuf writes it.
    """

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: list[T] = []
        self._bytes = 0

    def add(self, item: T, size_bytes: int) -> list[list[T]]:
        """Take an item of `size_bytes` and return the chunks, none to two, that it completed."""
        size_bytes += FRAMING_BYTES
        full: list[list[T]] = []
        if self._bytes + size_bytes > self._max_bytes:
            full += self.rest()
        self._items.append(item)
        self._bytes += size_bytes
        if len(self._items) >= self._max_items:
            full += self.rest()
        return full

    def rest(self) -> list[list[T]]:
        """Return what is left as a chunk, or nothing, and start afresh."""
        items, self._items, self._bytes = self._items, [], 0
        return [items] if items else []
