"""Records a handful at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice

from length_index.record import HistoryRecord


def chunked(records: Iterable[HistoryRecord], size: int) -> Iterator[list[HistoryRecord]]:
    """Lists of at most `size` records, in order."""
    iterator = iter(records)
    while chunk := list(islice(iterator, size)):
        yield chunk
