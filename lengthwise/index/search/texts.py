"""Columns of texts that together are larger than what 32 bits can count."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lengthwise.index.arrays import IntVector

PIECE_BYTES = 1 << 30
"""Of a column's pieces, each of which counts its bytes in 32 bits: half of what they can, so that
the longest prompt fits on top."""


def take_texts(column: Any, places: IntVector) -> Any:
    """Some texts of a column, in the order given.

    Arrow's own take joins a column's pieces first, and raises where they are over 2 GiB together.

    Args:
        column: Arrow column of strings, in any number of pieces.
        places: Shape (n,): number of each text in the whole column; any order, one may come twice.

    Returns:
        Column of n strings, in pieces of at most about `PIECE_BYTES`.
    """
    bounds = np.cumsum([0, *(len(piece) for piece in column.chunks)])
    pieces = np.searchsorted(bounds, places, side="right") - 1
    order = np.argsort(pieces, kind="stable")
    ends = np.searchsorted(pieces[order], np.arange(len(column.chunks) + 1))
    taken = [pa.array([], pa.large_string())]
    for number, piece in enumerate(column.chunks):
        wanted = places[order[ends[number] : ends[number + 1]]] - bounds[number]
        taken.append(piece.cast(pa.large_string()).take(pa.array(wanted)))
    texts = pa.concat_arrays(taken)
    if (np.diff(order) < 0).any():
        texts = texts.take(pa.array(np.argsort(order)))
    return _in_pieces(texts)


def _in_pieces(texts: Any) -> Any:
    """Strings with offsets of 32 bits, of strings with offsets of 64."""
    binary_length = pc.binary_length  # pyright: ignore[reportAttributeAccessIssue]  not in the stubs
    ends = np.cumsum(binary_length(texts).to_numpy(zero_copy_only=False))
    starts = np.flatnonzero(np.diff(ends // PIECE_BYTES, prepend=0))
    cuts = [0, *starts.tolist(), len(texts)]
    pieces = [
        # A slice would keep its offsets, which beyond 2 GiB no cast takes.
        texts.take(pa.array(np.arange(start, stop))).cast(pa.string())
        for start, stop in pairwise(cuts)
        if stop > start
    ]
    return pa.chunked_array(pieces, pa.string())
