"""Vectors of a history's prompts, and the rows for which an encoder gives none.

One such row must not end a build.
"""

from collections.abc import Sequence

import numpy as np
import structlog

from lengthwise.history.files import OnError
from lengthwise.index.arrays import BoolVector, FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import EncoderError
from lengthwise.index.record import HistoryRecord


def encode_unique(encoder: Encoder, prompts: list[str], *, finite: bool = True) -> FloatMatrix:
    """Encode prompts, each different one once: histories repeat themselves.

    Args:
        encoder: Asked once, for all different prompts together.
        prompts: In any order, some more than once.
        finite: Refuse vectors that are not; else the caller sees to them.

    Returns:
        Shape (len(prompts), dimension), rows of unit length.

    Raises:
        EncoderError: The encoder gave something other than a finite vector for each.
    """
    places = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
    vectors = np.ascontiguousarray(encoder.encode(list(places)), np.float32)
    shaped = vectors.shape == (len(places), encoder.dimension)
    if not shaped or (finite and not np.isfinite(vectors).all()):
        bad = np.count_nonzero(~np.isfinite(vectors).reshape(len(vectors), -1).all(axis=1))
        raise EncoderError(
            f"encoder {encoder.name!r} gave an array of shape {vectors.shape}, {bad} of its rows "
            f"not finite: expected {len(places)} finite vectors of {encoder.dimension} dimensions"
        )
    if len(places) == len(prompts):
        return vectors
    return vectors[[places[prompt] for prompt in prompts]]


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
