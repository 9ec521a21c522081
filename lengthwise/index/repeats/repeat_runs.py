"""Makes tables of repeats: from rows, and of several tables one."""

import shutil
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from lengthwise.index.arrays import IntVector
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_table import (
    HEADER_BYTES,
    NEWEST,
    VALUE,
    Keys,
    RepeatTable,
    header,
    key_at,
    repeat_value,
)
from lengthwise.index.search.rows import HistoryRows

MERGED_LENGTHS = 1 << 20
"""Lengths that are in memory at once where tables become one, about: hashes fall evenly."""

READ_ROWS = 8_192
"""Rows whose prompts are Python's strings at once."""


class RepeatCollector:
    """Takes rows in, oldest first, in 16 bytes each."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._values = array("I")

    def add(self, record: HistoryRecord) -> None:
        """Take a row in."""
        self._keys.append(key_at(record.prompt, record.model, record.temperature))
        self._values.extend(
            repeat_value(record.output_tokens, record.caller, censored=record.censored)
        )

    def table(self) -> RepeatTable:
        """All of them by key, the newest of each first."""
        keys = np.array(self._keys, np.uint64)[::-1]
        values = np.array(self._values, np.uint32).view(VALUE)[::-1]
        order = np.argsort(keys, kind="stable")
        return RepeatTable(keys[order], values[order])


def table_of_rows(rows: HistoryRows, places: IntVector) -> RepeatTable:
    """Lengths of some rows, oldest first; of those without text nothing is known to be the same."""
    collector = RepeatCollector()
    for start in range(0, len(places), READ_ROWS):
        for record in rows.take(places[start : start + READ_ROWS]).records():
            collector.add(record)
    return collector.table()


def merged(runs: Sequence[RepeatTable]) -> Iterator[RepeatTable]:
    """One table of several, in pieces by key: of each key the newest.

    Args:
        runs: The one with the newest lengths first.
    """
    pieces = sum(len(run) for run in runs) // MERGED_LENGTHS + 1
    for piece in range(pieces):
        low, high = ((1 << 64) * end // pieces for end in (piece, piece + 1))
        parts = [run.between(low, high) for run in runs]
        keys = np.concatenate([part.keys for part in parts])
        values = np.concatenate([part.values for part in parts])
        order = np.argsort(keys, kind="stable")
        order = order[_ranks(keys[order]) < NEWEST]
        yield RepeatTable(keys[order], values[order])


def _ranks(keys: Keys) -> IntVector:
    """Of each of some ascending keys, how many of the same came before it."""
    places = np.arange(len(keys))
    begins = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    return places - np.maximum.accumulate(np.where(begins, places, 0))


def write_repeats(path: Path, runs: Sequence[RepeatTable]) -> int:
    """Write one table of several; gives how many lengths it holds. Without any there is no file.

    Args:
        path: Of the file, which is not there yet.
        runs: The one with the newest lengths first.

    Raises:
        OSError: It cannot be written.
    """
    if not any(len(run) for run in runs):
        return 0
    count = 0
    with path.open("wb") as file, TemporaryFile(prefix="lengthwise-repeats-") as values:
        file.write(bytes(HEADER_BYTES))
        for piece in merged(runs):
            file.write(piece.keys.astype("<u8").tobytes())
            values.write(piece.values.tobytes())
            count += len(piece)
        values.seek(0)
        shutil.copyfileobj(values, file)
        file.seek(0)
        file.write(header(count))
    return count
