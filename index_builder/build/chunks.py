"""Records a handful at a time."""

from collections.abc import Iterable, Iterator

from lengthwise.index.record import HistoryRecord

CHUNK_CHARS = 32_000_000
"""Prompts may be millions of characters long: a chunk ends when it holds this many."""


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
