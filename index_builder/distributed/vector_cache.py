"""Vectors of earlier rounds, by prompt and encoder: a round encodes only what is new."""

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.encoder.encoder_wrapper import EncoderWrapper

KEY_BYTES = 16
"""Of a prompt's hash: among a billion prompts two share one with a chance of 1 in 10²⁰."""

KEYS, VECTORS = ".keys.npy", ".vectors.npy"
"""How the two files of a segment end; that of the keys is written last, and makes it one."""

Keys = NDArray[np.uint64]
"""Shape (prompts, 2): hashes, in two halves."""


class VectorCache(EncoderWrapper):
    """Encodes as another encoder does, and keeps every vector in a folder.

    Several processes may share the folder: each adds files of its own, and sees those that were
    there when it began.

    Args:
        encoder: Encodes what is not there; vectors of others are kept apart, by their hash.
        folder: Is made if it is not there.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        super().__init__(encoder)
        self._folder = folder / encoder.content_hash[:32]
        self._segments = [
            (np.load(path), np.load(_beside(path), mmap_mode="r"))
            for path in sorted(self._folder.glob(f"*{KEYS}"))
        ]

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`."""
        keys = _keys_of(prompts)
        vectors = np.zeros((len(prompts), self.dimension), np.float32)
        missing = np.ones(len(prompts), bool)
        for known, held in self._segments:
            wanted = np.flatnonzero(missing)
            places = np.searchsorted(known[:, 0], keys[wanted, 0]).clip(max=len(known) - 1)
            there = (known[places] == keys[wanted]).all(axis=1)
            vectors[wanted[there]] = held[places[there]]
            missing[wanted[there]] = False
        new = np.flatnonzero(missing)
        if len(new):
            vectors[new] = self._encoder.encode([prompts[place] for place in new.tolist()])
            self._keep(keys[new], vectors[new])
        return vectors

    def _keep(self, keys: Keys, vectors: FloatMatrix) -> None:
        finite = np.isfinite(vectors).all(axis=1)
        keys, vectors = keys[finite], vectors[finite]
        order = np.argsort(keys[:, 0])
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{secrets.token_hex(8)}{KEYS}"
        aside = path.with_suffix(".tmp")
        np.save(_beside(path), vectors[order])
        with aside.open("wb") as file:
            np.save(file, keys[order])
        aside.replace(path)


def cached(encoder: Encoder, folder: str) -> Encoder:
    """The encoder with a cache in a folder; itself where none is named."""
    return VectorCache(encoder, Path(folder)) if folder else encoder


def _beside(keys: Path) -> Path:
    return keys.with_name(keys.name.removesuffix(KEYS) + VECTORS)


def _keys_of(prompts: Sequence[str]) -> Keys:
    digests = (
        hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
        for prompt in prompts
    )
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
