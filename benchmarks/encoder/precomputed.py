"""Retrieval with vectors that were made elsewhere."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness.workloads import RecordList, SplitWorkload
from index_builder.build.builder import build_index
from index_builder.evaluation.evaluation import Evaluation, evaluate_index
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.index import LengthIndex


class PrecomputedEncoder:
    """Looks vectors up instead of making them.

    Args:
        name: Name of the encoder that made the vectors.
        vectors: By prompt; unit length, at least one.
    """

    def __init__(self, name: str, vectors: Mapping[str, FloatMatrix]) -> None:
        self._name = name
        self._vectors = vectors
        digest = sha256(name.encode())
        for vector in vectors.values():
            digest.update(vector.tobytes())
        self._hash = digest.hexdigest()

    @property
    def name(self) -> str:
        """Of whatever made the vectors."""
        return self._name

    @property
    def content_hash(self) -> str:
        """Hash of the vectors."""
        return self._hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return len(next(iter(self._vectors.values())))

    @property
    def runtime(self) -> str:
        """For people."""
        return "precomputed"

    def prepare(self) -> None:
        """See `Encoder.prepare`: nothing is computed."""

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """The vectors of known prompts; see `lengthwise.index.encoder.encoder.Encoder`."""
        if not prompts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self._vectors[prompt] for prompt in prompts])


def evaluate_vectors(
    name: str, vectors: Mapping[str, FloatMatrix], workload: SplitWorkload
) -> Evaluation:
    """How well lengths are predicted with some vectors on both sides of the search."""
    encoder = PrecomputedEncoder(name, vectors)
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        built = build_index(RecordList(workload.learnt), Path(folder), encoder)
        index = LengthIndex.load(built.path, encoder=encoder, device="cpu")
        return evaluate_index(index, workload.asked, protocol="other rows of the same set")
