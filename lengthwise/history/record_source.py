"""What is learnt from, wherever it comes from: files, a part of them, a list in memory."""

from collections.abc import Iterator
from typing import Protocol

from lengthwise.index.record import HistoryRecord


class RecordSource(Protocol):
    """Records, and a hash of what was read once they are all read."""

    def __iter__(self) -> Iterator[HistoryRecord]:
        """Read from the start, in an order that is the same each time."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the records read."""
        ...
