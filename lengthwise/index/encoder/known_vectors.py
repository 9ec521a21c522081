"""An encoder that has seen all prompts before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import EncoderWrapper

BATCH_PROMPTS = 1024
"""Encoded between two reports of progress: a second or two of a CPU's work."""


class KnownVectors(EncoderWrapper):
    """Stands in for an encoder on prompts that it encodes once, however often they are used.

    Args:
        encoder: Made the vectors, and lends its name.
        vectors: One row a different prompt, shape (prompts, dimension).
        places: Prompt -> its row in `vectors`.
    """

    def __init__(self, encoder: Encoder, vectors: FloatMatrix, places: Mapping[str, int]) -> None:
        super().__init__(encoder)
        self._vectors = vectors
        self._places = places

    @classmethod
    def from_prompts(
        cls,
        encoder: Encoder,
        prompts: Iterable[str],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> Self:
        """Encode prompts.

        Args:
            encoder: Encodes each different prompt once, in batches.
            prompts: All that will be asked for, in any order and number.
            on_progress: Told how many more prompts have been encoded.
        """
        different = list(dict.fromkeys(prompts))
        vectors = np.empty((len(different), encoder.dimension), np.float32)
        for start in range(0, len(different), BATCH_PROMPTS):
            batch = different[start : start + BATCH_PROMPTS]
            vectors[start : start + len(batch)] = encoder.encode(batch)
            on_progress(len(batch))
        return cls(encoder, vectors, {prompt: place for place, prompt in enumerate(different)})

    @property
    def runtime(self) -> str:
        """For people."""
        return f"looked up, made by {self._encoder.runtime}"

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """The vectors of known prompts; see `lengthwise.index.encoder.encoder.Encoder`."""
        return self._vectors[[self._places[prompt] for prompt in prompts]]
