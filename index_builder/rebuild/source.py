"""What makes vectors, and what was learnt with it: from the live version, or trained anew."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE, EncoderIdentity, TrainingFacts


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder as an artifact carries it.

    Args:
        encoder: Loaded.
        identity: As manifests name it.
        folder: Holds the trained encoder and its head; None where nothing was trained.
        training: How it was trained; None where it was not.
        trained_until_unix_s: Rows reported later were not learnt from.
    """

    encoder: Encoder
    identity: EncoderIdentity
    folder: Path | None = None
    training: TrainingFacts | None = None
    trained_until_unix_s: float = 0.0

    @classmethod
    def untrained(cls, encoder: Encoder) -> Self:
        """An encoder as it is."""
        return cls(encoder, EncoderIdentity(encoder.name, encoder.content_hash, encoder.dimension))

    @classmethod
    def of_live(cls, index: LengthIndex, folder: Path) -> Self:
        """That of a version, which goes on with it."""
        manifest = index.manifest
        until = manifest.created_unix_s
        if manifest.history is not None:
            until = manifest.history.trained_until_unix_s
        trained = manifest.training is not None
        return cls(
            index.encoder, manifest.encoder, folder if trained else None, manifest.training, until
        )

    @property
    def head(self) -> LengthHead | None:
        """What was trained together with it."""
        return None if self.folder is None else LengthHead.load(self.folder / HEAD_FILE)

    def copy_to(self, folder: Path) -> None:
        """Put what was trained into an artifact."""
        if self.folder is not None:
            shutil.copytree(self.folder / ENCODER_FOLDER, folder / ENCODER_FOLDER)
            shutil.copyfile(self.folder / HEAD_FILE, folder / HEAD_FILE)
