"""Encoders that stand before another one, and spare it prompts that it has encoded before."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder


class EncoderWrapper:
    """Goes by the name of another encoder, whose vectors it gives.

    Args:
        encoder: The one that makes the vectors.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        return self._encoder.name

    @property
    def content_hash(self) -> str:
        """Hash of weights, tokenizer and pooling."""
        return self._encoder.content_hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    @property
    def runtime(self) -> str:
        """How it runs here."""
        return self._encoder.runtime

    def prepare(self) -> None:
        """See `Encoder.prepare`."""
        self._encoder.prepare()


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


class RememberingEncoder(EncoderWrapper):
    """Encodes as another encoder does, and keeps the last vectors. Safe for several threads.

    A prompt comes twice as a rule: it is predicted, and when its answer is complete it is reported.

    Args:
        encoder: Encodes what is not remembered.
        capacity: Vectors kept, the oldest the first to go.
    """

    def __init__(self, encoder: Encoder, *, capacity: int) -> None:
        super().__init__(encoder)
        self._lock = threading.Lock()
        self._vectors: FloatMatrix = np.empty((capacity, encoder.dimension), np.float32)
        self._places: dict[bytes, int] = {}
        self._held: list[bytes] = []
        self._next = 0

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`."""
        if isinstance(prompts, str) or not prompts:
            return self._encoder.encode(prompts)
        keys = [_key(prompt) for prompt in prompts]
        with self._lock:
            places = np.array([self._places.get(key, -1) for key in keys])
            vectors = self._vectors[places]
        new = np.flatnonzero(places < 0).tolist()
        if new:
            vectors[new] = self._encoder.encode([prompts[i] for i in new])
            self._remember([keys[i] for i in new], vectors[new])
        return vectors

    def _remember(self, keys: Sequence[bytes], vectors: FloatMatrix) -> None:
        with self._lock:
            for key, vector in zip(keys, vectors, strict=True):
                if key in self._places:
                    continue
                if len(self._held) < len(self._vectors):
                    self._held.append(key)
                else:
                    del self._places[self._held[self._next]]
                    self._held[self._next] = key
                self._vectors[self._next] = vector
                self._places[key] = self._next
                self._next = (self._next + 1) % len(self._vectors)


def _key(prompt: str) -> bytes:
    """Prompts may be long: their digests stand for them."""
    return hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
