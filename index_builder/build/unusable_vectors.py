"""Rows for whose prompt the encoder gives no vector: one of them must not end a build."""

from collections.abc import Sequence

import numpy as np
import structlog

from lengthwise.history.files import OnError
from lengthwise.index.arrays import BoolVector, FloatMatrix
from lengthwise.index.errors import EncoderError
from lengthwise.index.record import HistoryRecord

_NAMED = 5
"""Of the rows at fault, those whose ids are told."""

log = structlog.get_logger(__name__)


def usable_rows(
    records: Sequence[HistoryRecord], vectors: FloatMatrix, *, encoder: str, on_error: OnError
) -> tuple[list[HistoryRecord], FloatMatrix]:
    """Leave out rows whose vector holds a number that is not finite.

    Args:
        records: Rows of a history, in the order of their vectors.
        vectors: Shape (rows, dimension): what the encoder gave for each.
        encoder: Its name, for the error.
        on_error: "stop" at such rows, or "skip" them.

    Returns:
        The other rows and their vectors.

    Raises:
        EncoderError: Under "stop", with the ids of the rows.
    """
    finite: BoolVector = np.asarray(np.isfinite(vectors).all(axis=1), bool)
    if finite.all():
        return list(records), vectors
    bad = [record.id for record, fine in zip(records, finite, strict=True) if not fine]
    if on_error == "stop":
        more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        raise EncoderError(
            f"encoder {encoder!r} gave no finite vector for the prompt of "
            f"{', '.join(map(repr, bad[:_NAMED]))}{more}: expected finite numbers "
            "(--on-error skip leaves such rows out)"
        )
    log.warning("build.rows_without_vector", count=len(bad), ids=bad[:_NAMED])
    kept = [record for record, fine in zip(records, finite, strict=True) if fine]
    return kept, vectors[finite]
