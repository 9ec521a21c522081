"""Vectors of a history's prompts."""

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import EncoderError


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
