"""The version that is current when a round begins."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.encoder.encoder import Device, Precision
from lengthwise.index.index import LengthIndex
from lengthwise.index.store import Published


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """It, in memory.

    Args:
        index: Loaded.
        folder: Where it lies on this machine.
    """

    index: LengthIndex
    folder: Path

    @classmethod
    def fetch(
        cls,
        place: Published,
        version: str,
        cache: Path,
        *,
        device: Device = "auto",
        precision: Precision = "auto",
    ) -> "LiveVersion":
        """Bring it here and load it; of what was brought before, only the newest stays.

        Raises:
            StoreError: It cannot be read.
            ArtifactError: It is damaged.
        """
        folder = place.fetch(version, cache)
        if cache in folder.parents:
            Published.at(str(cache)).prune(1)
        return cls(LengthIndex.load(folder, device=device, precision=precision), folder)

    @property
    def last_sequence(self) -> int:
        """How far it has followed the history; 0 if it was built from files."""
        history = self.index.manifest.history
        return 0 if history is None else history.last_sequence

    def content(self) -> VectorRows:
        """Its rows and vectors; those without a time are as old as it."""
        vectors = np.concatenate(list(self.index.stored_vectors()))
        # An approximate search keeps them in 16 bits.
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        content = VectorRows(self.index.rows, vectors)
        return content.reported_at_latest(self.index.manifest.created_unix_s)
