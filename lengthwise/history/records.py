"""Records to learn from, wherever they come from, and a handful of them at a time.

What tells one history from another is a hash over their content.
"""

import hashlib
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


class RecordHash:
    """SHA-256 over records, in order; ids, groups and file names not counted.

    The same rows give the same hash from any format, and whoever read them.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, record: HistoryRecord) -> None:
        """Count a record in."""
        self._hash.update(_content(record))

    def hexdigest(self) -> str:
        """Hash of the records so far."""
        return self._hash.hexdigest()


def _content(record: HistoryRecord) -> bytes:
    """Write down what is learnt from a record, unambiguously: texts stand with their size."""
    # Left out where it is not known, so that older histories keep their fingerprints.
    known = "" if record.temperature is None else f"at {record.temperature} "
    return (
        f"{known}{record.output_tokens} {record.max_tokens} {record.finish_reason} "
        f"{record.samples} {len(record.model)} {record.model} "
        f"{len(record.prompt)} {record.prompt}\n"
    ).encode()
