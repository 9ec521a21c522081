"""Many realistic vectors: embeddings of real prompts, and points between neighbouring ones.

There are 42 thousand real prompts to hand and a million are wanted. What is added lies between a
real prompt and one of its eight nearest, at a random place, with a little noise: about as dense
as the real ones, where the real ones are. It is not real data, and tables say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntMatrix, IntVector
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.search.faiss_library import import_faiss

NEIGHBOURS = 8
"""Nearest real points, towards one of which a made one lies."""

NOISE = 0.15
"""Length of the noise added to a unit vector: it then lies at a cosine of 0.99."""

PIECE_ROWS = 65_536
"""Vectors made at once, which bounds the memory taken on the way."""


@dataclass(frozen=True, slots=True)
class VectorCache:
    """Embeddings kept between runs.

    Args:
        folder: Where they are kept; None makes them anew in every run.
        encoder: Makes those that are not there.
    """

    folder: Path | None
    encoder: Encoder

    def embed(self, prompts: Sequence[str]) -> FloatMatrix:
        """Unit vectors of prompts."""
        path = self._path(prompts)
        if path is not None and path.exists():
            return np.load(path)
        vectors = self.encoder.encode(prompts)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, vectors)
        return vectors

    def _path(self, prompts: Sequence[str]) -> Path | None:
        if self.folder is None:
            return None
        digest = sha256(f"{self.encoder.content_hash} {self.encoder.runtime}".encode())
        for prompt in prompts:
            digest.update(prompt.encode())
        return self.folder / f"{digest.hexdigest()[:24]}.npy"


def nearest_others(vectors: FloatMatrix, count: int) -> IntMatrix:
    """The nearest rows of each row, without itself: shape (rows, count)."""
    faiss: Any = import_faiss()
    _, found = faiss.knn(vectors, vectors, count + 1, faiss.METRIC_INNER_PRODUCT)
    own = found == np.arange(len(vectors))[:, None]
    # A row that has twins may not come first, or not at all: then the last one is dropped.
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(vectors), count)


def grow(vectors: FloatMatrix, rows: int, seed: int = 0) -> FloatMatrix:
    """Some vectors made more, or fewer.

    Args:
        vectors: Real ones, shape (n, dimension), of unit length.
        rows: How many are wanted: a random choice of the real ones, or all of them and more.
        seed: Decides which are chosen, and the noise of those made.
    """
    rng = np.random.default_rng(seed)
    if rows <= len(vectors):
        return vectors[np.sort(rng.choice(len(vectors), rows, replace=False))]
    neighbours = nearest_others(vectors, NEIGHBOURS)
    grown = np.empty((rows, vectors.shape[1]), np.float32)
    grown[: len(vectors)] = vectors
    for start in range(len(vectors), rows, PIECE_ROWS):
        stop = min(start + PIECE_ROWS, rows)
        first = rng.integers(len(vectors), size=stop - start)
        grown[start:stop] = between(vectors, neighbours, first, rng)
    return grown


def between(
    vectors: FloatMatrix, neighbours: IntMatrix, first: IntVector, rng: np.random.Generator
) -> FloatMatrix:
    """Points near real ones, each on the way to one of its neighbours.

    Args:
        vectors: Real ones, shape (n, dimension), of unit length.
        neighbours: Shape (n, k): the nearest others of each.
        first: Shape (count,): the real one that each point is near.
        rng: Draws the neighbour, the place between both and the noise.

    Returns:
        Shape (count, dimension), of unit length.
    """
    count = len(first)
    second = neighbours[first, rng.integers(neighbours.shape[1], size=count)]
    place = rng.random((count, 1), np.float32)
    noise = rng.standard_normal((count, vectors.shape[1]), np.float32)
    noise *= NOISE / np.sqrt(vectors.shape[1])
    points = vectors[first] * (1 - place) + vectors[second] * place + noise
    return points / np.linalg.norm(points, axis=1, keepdims=True)
