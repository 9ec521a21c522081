"""Spares an encoder the prompts that it has encoded a moment ago."""

import hashlib
import threading
from collections.abc import Sequence

import numpy as np

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import EncoderWrapper


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
