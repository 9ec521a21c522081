"""Records to learn from, wherever they come from, and a handful of them at a time."""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from lengthwise.index.record import HistoryRecord

CHUNK_CHARS = 32_000_000
"""Prompts may be millions of characters long: a chunk ends when it holds this many."""


class RecordSource(Protocol):
    """Records, and a hash of what was read once they are all read."""

    def __iter__(self) -> Iterator[HistoryRecord]:
        """Read from the start, in an order that is the same each time."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the records read."""
        ...


@runtime_checkable
class FiledSource(RecordSource, Protocol):
    """Records that come from files."""

    def by_file(self) -> Iterator[Iterator[HistoryRecord]]:
        """The same records, those of each file apart, to be taken one file after the other."""
        ...


def chunks_of(history: RecordSource, size: int) -> Iterator[list[HistoryRecord]]:
    """Lists of at most `size` records, in order, none of which holds records of two files.

    So a chunk is the same whether its file is read alone or with others, here or elsewhere.
    """
    for records in history.by_file() if isinstance(history, FiledSource) else (history,):
        yield from chunked(records, size)


def chunked(
    records: Iterable[HistoryRecord], size: int, *, chars: int = CHUNK_CHARS
) -> Iterator[list[HistoryRecord]]:
    """Lists of at most `size` records, in order, each full once its prompts have `chars`."""
    chunk: list[HistoryRecord] = []
    held = 0
    for record in records:
        chunk.append(record)
        held += len(record.prompt)
        if len(chunk) == size or held >= chars:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
