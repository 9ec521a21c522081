"""Reads an artifact's folder, every file held against the manifest before it is used."""

from dataclasses import dataclass
from pathlib import Path

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import ArtifactAlteredError, EncoderMismatchError
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.first_tier.first_tier import TierParts
from lengthwise.index.first_tier.fitted_tier import FittedTier
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.first_tier.student import Student
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.layout import (
    OWN_CELLS_FILE,
    REPEATS_FILE,
    ArtifactLayout,
    check_files,
    read_manifest,
)
from lengthwise.index.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ArtifactReader:
    """An artifact whose files are what its manifest says; each is read when it is asked for.

    Args:
        layout: Where its files lie on this machine.
        manifest: What it says of itself.
    """

    layout: ArtifactLayout
    manifest: Manifest

    @classmethod
    def from_folder(cls, folder: Path, *, anew: bool = False) -> "ArtifactReader":
        """Check an artifact; see `check_files`.

        Raises:
            ArtifactError: It is missing, incomplete, altered or of another schema.
        """
        layout = ArtifactLayout(folder)
        manifest = read_manifest(layout)
        check_files(layout, manifest, anew=anew)
        return cls(layout, manifest)

    @property
    def encoder_source(self) -> str:
        """Name or folder of the encoder that made the vectors, as `load_encoder` takes it."""
        encoder = self.manifest.encoder
        return str(self.layout.encoder) if encoder.trained else encoder.name

    def require_encoder(self, encoder: Encoder) -> None:
        """Hold an encoder against the one that made the vectors.

        Raises:
            EncoderMismatchError: It is another one.
        """
        built = self.manifest.encoder
        if encoder.content_hash != built.content_hash or encoder.dimension != built.dimension:
            raise EncoderMismatchError(
                f"the index was built with encoder {built.name!r} ({built.dimension} dimensions, "
                f"hash {built.content_hash[:12]}), but {encoder.name!r} has {encoder.dimension} "
                f"dimensions and hash {encoder.content_hash[:12]}: their vectors cannot be "
                "compared. Give the same encoder or build the index again"
            )

    def vectors_and_rows(self) -> tuple[VectorIndex, HistoryRows]:
        """The vectors of the past prompts and their columns, row i belonging to vector i.

        Raises:
            ArtifactAlteredError: They cannot be read, or are not as many as the manifest says.
        """
        vectors = VectorIndex.load(self.layout.vectors, self.manifest.search)
        if OWN_CELLS_FILE in self.manifest.files:
            vectors = vectors.with_own_cells(self.layout.own_cells)
        rows = HistoryRows.read(self.layout.rows)
        if not len(rows) == len(vectors) == self.manifest.rows:
            raise ArtifactAlteredError(
                f"{self.layout.root} holds {len(vectors):,} vectors and {len(rows):,} rows, its "
                f"manifest says {self.manifest.rows:,}: build the index again"
            )
        return vectors, rows

    def fitted(self) -> FittedEstimator:
        """How neighbours are weighted and probabilities corrected."""
        return FittedEstimator.load(self.layout.calibration)

    def repeats(self) -> RepeatTable | None:
        """Lengths of prompts asked before whose rows it does not hold; None if there are none."""
        if REPEATS_FILE not in self.manifest.files:
            return None
        return RepeatTable.open(self.layout.repeats)

    def head(self) -> LengthHead | None:
        """What was trained together with the encoder; None if nothing was."""
        return None if self.manifest.training is None else LengthHead.load(self.layout.head)

    def first_tier(self) -> TierParts | None:
        """What answers before the encoder; None if the artifact has no first tier.

        Raises:
            ArtifactAlteredError: A part of it is not what a build writes.
            EncoderError: Its encoder cannot be loaded.
        """
        if self.manifest.first_tier is None:
            return None
        return TierParts(
            Student.load(self.layout.first_tier),
            FittedTier.load(self.layout.fitted_tier),
            KnownPrompts.load(self.layout.known_prompts),
        )
