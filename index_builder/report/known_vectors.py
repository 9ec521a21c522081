"""An encoder that has seen all prompts before."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder

BATCH_PROMPTS = 1024


class KnownVectors:
    """Stands in for an encoder on prompts that it encodes once, however often they are used.

    Args:
        encoder: Makes the vectors, and lends its name.
        prompts: All that will be asked for.
        on_progress: Told how many more have been encoded.
    """

    def __init__(
        self,
        encoder: Encoder,
        prompts: Iterable[str],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._encoder = encoder
        self._places = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
        self._vectors = np.empty((len(self._places), encoder.dimension), np.float32)
        different = list(self._places)
        for start in range(0, len(different), BATCH_PROMPTS):
            batch = different[start : start + BATCH_PROMPTS]
            self._vectors[start : start + len(batch)] = encoder.encode(batch)
            on_progress(len(batch))

    @property
    def name(self) -> str:
        """That of the encoder."""
        return self._encoder.name

    @property
    def content_hash(self) -> str:
        """That of the encoder, since the vectors are its."""
        return self._encoder.content_hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    @property
    def runtime(self) -> str:
        """For people."""
        return f"looked up, made by {self._encoder.runtime}"

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """The vectors of known prompts; see `lengthwise.index.encoder.encoder.Encoder`."""
        return self._vectors[[self._places[prompt] for prompt in prompts]]
