"""Vectors for new rows; those that came with one keep it."""

from collections.abc import Mapping

import numpy as np

from index_builder.build.builder import encode_unique
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.vector_rows import PROMPT, VectorRows
from lengthwise.index.arrays import FloatVector
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.search.rows import HistoryRows

ENCODED_AT_A_TIME = 1_024
"""Enough to sort by length within, little enough to stop soon."""


def encoded(
    rows: HistoryRows,
    encoder: Encoder,
    progress: RoundProgress,
    *,
    given: Mapping[int, FloatVector] | None = None,
) -> VectorRows:
    """Rows with their vectors.

    Args:
        rows: Their columns.
        encoder: Makes the vectors.
        progress: Is told how far it is.
        given: Vectors that are known, by place, of that encoder.

    Raises:
        EncoderError: The encoder gave something other than a finite vector for each.
    """
    given = given or {}
    vectors = np.zeros((len(rows), encoder.dimension), np.float32)
    for place, vector in given.items():
        # Stored in 16 bits, it is of unit length no more.
        vectors[place] = vector / max(float(np.linalg.norm(vector)), 1e-9)
    prompts: list[str] = rows.table.column(PROMPT).to_pylist()
    missing = [place for place in range(len(rows)) if place not in given]
    for start in range(0, len(missing), ENCODED_AT_A_TIME):
        places = missing[start : start + ENCODED_AT_A_TIME]
        vectors[places] = encode_unique(encoder, [prompts[place] for place in places])
        progress.rows(len(places))
    return VectorRows(rows, vectors)
