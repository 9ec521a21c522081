"""The version that is current when a round begins, and the encoder that goes on from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Device, Encoder, Precision
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.mapped import gathered
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store import Published
from lengthwise.index.store.layout import HEAD_FILE, ArtifactLayout
from lengthwise.index.store.manifest import EncoderIdentity, TrainingFacts


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The current version, in memory.

    Args:
        index: Loaded from the folder, with its encoder.
        folder: Where the artifact lies on this machine.
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
        # Opened once more, so that what is read of a mapped file is let go of afterwards.
        manifest = self.index.manifest
        vectors = VectorIndex.load(ArtifactLayout(self.folder).vectors, manifest.search)
        # An approximate search keeps them in 16 bits, of unit length no more.
        pieces = (_of_unit_length(piece) for piece in vectors.stored_vectors())
        content = VectorRows(self.index.rows, gathered(pieces, len(self.index.rows)))
        return content.reported_at_latest(manifest.created_unix_s)


def _of_unit_length(vectors: FloatMatrix) -> FloatMatrix:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder as an artifact carries it: taken as it is, a live version's, or trained anew.

    Args:
        encoder: Loaded, to encode what is new.
        identity: What manifests say of it.
        folder: Holds the trained encoder and its head; None where nothing was trained.
        training: How it was trained; None where it was not.
        trained_until_unix_s: Rows reported later were not learnt from.
        cascade_loss: How much lower tau-b may be for the first tier that the folder holds; None
            where it holds none.
    """

    encoder: Encoder
    identity: EncoderIdentity
    folder: Path | None = None
    training: TrainingFacts | None = None
    trained_until_unix_s: float = 0.0
    cascade_loss: float | None = None

    @classmethod
    def from_encoder(cls, encoder: Encoder) -> Self:
        """An encoder that is taken as it is."""
        return cls(encoder, EncoderIdentity.from_encoder(encoder))

    @classmethod
    def from_live(cls, live: LiveVersion) -> Self:
        """That of a version, which the next one goes on with."""
        manifest = live.index.manifest
        until_unix_s = manifest.created_unix_s
        if manifest.history is not None:
            until_unix_s = manifest.history.trained_until_unix_s
        return cls(
            live.index.encoder,
            manifest.encoder,
            None if manifest.training is None else live.folder,
            manifest.training,
            until_unix_s,
            None if manifest.first_tier is None else manifest.first_tier.allowed_loss,
        )

    @property
    def head(self) -> LengthHead | None:
        """What was trained together with it; None where nothing was."""
        return None if self.folder is None else LengthHead.load(self.folder / HEAD_FILE)
