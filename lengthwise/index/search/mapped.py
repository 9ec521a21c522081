"""Vectors that memory need not hold: in a file without a name, mapped, read in pieces."""

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntVector

PIECE_ROWS = 16_384
"""Rows read or written at a time: 25 MB of vectors of 384 floats."""

SCATTERED_ROWS = 128
"""Rows that are picked out at a time: with each the system may map the 2 MiB around it, so that
some thousand rows would have the whole of a file resident."""

IN_MEMORY_BYTES = 64 << 20
"""Fewer are held in memory: a file would only slow a small history down."""


def gathered(pieces: Iterable[FloatMatrix], rows: int) -> FloatMatrix:
    """Vectors that come in pieces, in one matrix: in memory if it is small, else mapped.

    Args:
        pieces: In order, of one width, together `rows` rows; at least one piece.
        rows: How many they are together, which decides where they are put.

    Raises:
        OSError: The folder for temporary files (TMPDIR) has no room.
    """
    left = iter(pieces)
    first = np.ascontiguousarray(next(left), np.float32)
    dimension = first.shape[1]
    if rows * dimension * first.itemsize <= IN_MEMORY_BYTES:
        return np.concatenate([first, *left])
    with TemporaryFile(prefix="lengthwise-vectors-") as file:
        file.write(first.data)
        for piece in left:
            file.write(np.ascontiguousarray(piece, np.float32).data)
        file.flush()
        # The map keeps the file alive, which has no name any more.
        return np.memmap(file, np.float32, "r", shape=(rows, dimension))


def blank(rows: int, dimension: int) -> FloatMatrix:
    """A matrix of zeros to be filled, in memory if it is small, else in a file.

    Raises:
        OSError: The folder for temporary files (TMPDIR) has no room.
    """
    if rows * dimension * np.float32().itemsize <= IN_MEMORY_BYTES:
        return np.zeros((rows, dimension), np.float32)
    with TemporaryFile(prefix="lengthwise-vectors-") as file:
        return np.memmap(file, np.float32, "w+", shape=(rows, dimension))


def taken(vectors: FloatMatrix, places: IntVector) -> FloatMatrix:
    """Some of the rows, in the order given."""
    if not len(places):
        return np.array(vectors[:0])
    starts = range(0, len(places), PIECE_ROWS)
    return gathered(
        (copied(vectors, places[start : start + PIECE_ROWS]) for start in starts), len(places)
    )


def in_pieces(vectors: FloatMatrix, rows: int = PIECE_ROWS) -> Iterator[FloatMatrix]:
    """All rows in order, so many at a time; a piece is done with before the next is asked for."""
    for start in range(0, len(vectors), rows):
        yield np.ascontiguousarray(vectors[start : start + rows], np.float32)
        release(vectors)


def copied(vectors: FloatMatrix, places: IntVector) -> FloatMatrix:
    """Some of the rows, in memory, in the order given."""
    copy = np.empty((len(places), vectors.shape[1]), np.float32)
    for start in range(0, len(places), SCATTERED_ROWS):
        part = slice(start, start + SCATTERED_ROWS)
        copy[part] = vectors[places[part]]
        release(vectors)
    return copy


def release(vectors: FloatMatrix) -> None:
    """Let go of the memory that a mapped matrix was read into; it can be read again."""
    pages = getattr(vectors, "_mmap", None)
    if isinstance(pages, mmap.mmap):
        pages.madvise(mmap.MADV_DONTNEED)


def read_ahead(path: Path) -> None:
    """Have a file that was mapped read in the meantime: first searches would wait for the disk."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
