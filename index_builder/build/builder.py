"""History in, index out: read, encode, index, fit, evaluate, publish. In bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from index_builder.build.encoded_rows import EncodedRows, RowsEncodedHere
from index_builder.build.fit_and_finish import FinishedArtifact, fit_and_finish
from index_builder.build.progress import BuildProgress, SilentProgress
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.history.files import OnError
from lengthwise.history.records import RecordSource
from lengthwise.history.split import is_validation
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.estimate.held_out import HeldOutRows
from lengthwise.index.first_tier.known_prompts import Digests, KnownPrompts, digests_of
from lengthwise.index.first_tier.student import Student
from lengthwise.index.first_tier.tier_fitting import TierCandidate
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows, rows_to_table
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter
from lengthwise.index.store.folder_store import FolderStore
from lengthwise.index.store.layout import ArtifactLayout
from lengthwise.index.store.manifest import EncoderIdentity, Manifest, TrainingFacts
from lengthwise.index.store.published import new_version

MIN_ROWS = 20
"""Fewer rows are no history: nothing near would be found, and a median of them says nothing."""

MIN_LEVELS = 9
"""Quantile levels that a distribution is told by at least, so that it can be redrawn from them."""

LOWEST_LEVEL, HIGHEST_LEVEL = 0.01, 0.99
"""The outermost levels that calibration keeps: see `calibration.GRID`."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an index is built.

    Args:
        quantile_levels: Levels given in every answer: at least nine, ascending, in [0.01, 0.99].
        keep_text: Store the prompts, so that `include_neighbour_text` can show them.
        seed: Decides which rows are sampled for fitting.
        on_error: "stop" at a row whose prompt gets no vector, or "skip" it and count it.
        cascade_loss: How much lower Kendall's tau-b may be for a first tier, in [0, 1]; None for no
            first tier.

    Raises:
        InvalidInputError: On unusable levels, or a loss out of range.
    """

    quantile_levels: tuple[float, ...] = DEFAULT_QUANTILE_LEVELS
    keep_text: bool = True
    seed: int = 0
    on_error: OnError = "stop"
    cascade_loss: float | None = None

    def __post_init__(self) -> None:
        levels = self.quantile_levels
        ascending = all(a < b for a, b in pairwise(levels))
        inside = all(LOWEST_LEVEL <= level <= HIGHEST_LEVEL for level in levels)
        if len(levels) < MIN_LEVELS or not ascending or not inside:
            raise InvalidInputError(
                f"quantile_levels is {levels}: expected at least {MIN_LEVELS} ascending levels "
                f"from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"
            )
        if self.cascade_loss is not None and not 0 <= self.cascade_loss <= 1:
            raise InvalidInputError(
                f"cascade_loss is {self.cascade_loss}: expected a difference in tau-b, from 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class TrainedEncoder:
    """An encoder that was trained on the history which an index is built from.

    Args:
        folder: Holds encoder and head as `training.train` writes them; both are moved from there.
        facts: How it was trained, for the manifest.
    """

    folder: Path
    facts: TrainingFacts


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made.

    Args:
        path: Folder of the artifact in its store.
        manifest: What the artifact says of itself.
        evaluation: How well it predicts rows of its own; None if they were too few to tell.
        no_first_tier: Why a first tier that was trained is left out, for people; "" otherwise.
    """

    path: Path
    manifest: Manifest
    evaluation: Evaluation | None
    no_first_tier: str = ""


def build_index(
    history: RecordSource,
    out: Path,
    encoder: Encoder,
    options: BuildOptions | None = None,
    *,
    trained: TrainedEncoder | None = None,
    skipped_rows: Callable[[], int] = lambda: 0,
    progress: BuildProgress | None = None,
) -> BuildResult:
    """Build a version and make it the current one of a store.

    Args:
        history: The records; read once, streaming.
        out: Folder of the store, made if it is not there.
        encoder: Makes the vectors of prompts, here and wherever the index is served.
        options: Levels, texts and seed; the defaults if None.
        trained: What the encoder was loaded from, if it was trained on this history.
        skipped_rows: Asked after reading how many rows the reader left out.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: The history has too few rows.
        StoreError: The store cannot be written, the disk is full; nothing is published.
    """
    options = options or BuildOptions()
    rows = RowsEncodedHere(history, encoder, options.on_error, skipped_rows)
    return build_encoded(rows, out, options, trained=trained, progress=progress)


def build_encoded(
    encoded: EncodedRows,
    out: Path,
    options: BuildOptions | None = None,
    *,
    trained: TrainedEncoder | None = None,
    progress: BuildProgress | None = None,
) -> BuildResult:
    """Build a version of rows that come with their vectors.

    Args:
        encoded: The rows with their vectors; iterated once, streaming.
        out: Folder of the store, made if it is not there.
        options: Levels, texts and seed; the defaults if None.
        trained: What the encoder was loaded from, if it was trained on this history.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: There are too few rows.
        StoreError: The store cannot be written, the disk is full; nothing is published.
    """
    if ArtifactLayout(out).exists():
        raise InvalidInputError(
            f"{out} is a single artifact, not a store of versions: give another folder as --out"
        )
    store = FolderStore(out)
    job = ArtifactBuild(
        new_version(after=store.versions()),
        encoded,
        options or BuildOptions(),
        trained=trained,
        progress=progress or SilentProgress(),
    )
    path = store.publish_written(job.version, job.write)
    made = job.made
    return BuildResult(path, made.manifest, made.evaluation, made.no_first_tier)


class _HeldOutFinder:
    """Finds, as records go by, the rows that the encoder was not trained on."""

    def __init__(self, facts: TrainingFacts) -> None:
        self._facts = facts
        self._rows: list[int] = []
        self._prompts: list[str] = []
        self._models: list[str] = []

    def see(self, records: list[HistoryRecord], first_row: int) -> None:
        for row, record in enumerate(records, first_row):
            if is_validation(record, self._facts.validation_share, self._facts.seed):
                self._rows.append(row)
                self._prompts.append(record.prompt)
                self._models.append(record.model)

    @property
    def texts(self) -> dict[int, str]:
        """Their prompts, by their number in the index."""
        return dict(zip(self._rows, self._prompts, strict=True))

    def found(self, vectors: FloatMatrix, head: LengthHead) -> HeldOutRows:
        rows = np.array(self._rows, np.int64)
        return HeldOutRows(rows, head.atoms(vectors[rows], self._prompts, self._models))


class ArtifactBuild:
    """One build: fills a folder.

    Args:
        version: Name of what is built, after those that the store holds.
        encoded: The rows with their vectors; iterated once, streaming.
        options: Quantile levels, whether texts are kept, and the seed.
        trained: What the encoder was loaded from, if it was trained on this history.
        progress: Is told how far it is.
    """

    made: FinishedArtifact

    def __init__(
        self,
        version: str,
        encoded: EncodedRows,
        options: BuildOptions,
        *,
        trained: TrainedEncoder | None,
        progress: BuildProgress,
    ) -> None:
        self.version = version
        self._encoded = encoded
        self._options = options
        self._trained = trained
        self._held_out = _HeldOutFinder(trained.facts) if trained else None
        self._digests: list[Digests] = []
        self._progress = progress

    def write(self, folder: Path) -> None:
        """Fill an empty folder with the artifact."""
        writer = ArtifactWriter(folder)
        if self._trained is not None:
            writer.add_trained(self._trained.folder, move=True)
        self._progress.stage(self._encoded.stage)
        rows, vectors = self._take_all(writer)
        if self._options.keep_text:  # a hash tells whether a prompt that one has was asked
            writer.write_repeats(self._encoded.unselected)
        held_out = None
        if self._held_out is not None:
            held_out = self._held_out.found(vectors, LengthHead.load(writer.layout.head))
        self.made = fit_and_finish(
            writer,
            rows,
            vectors,
            self._facts(),
            held_out=held_out,
            first_tier=self._first_tier(writer.layout),
            seed=self._options.seed,
            on_stage=self._progress.stage,
        )

    def _first_tier(self, layout: ArtifactLayout) -> TierCandidate | None:
        """What was trained to answer before the encoder, if anything was."""
        allowed_loss = self._options.cascade_loss
        if allowed_loss is None or self._held_out is None or not layout.first_tier.is_dir():
            return None
        return TierCandidate(
            Student.load(layout.first_tier),
            KnownPrompts(np.concatenate(self._digests)),
            self._held_out.texts,
            allowed_loss,
        )

    def _take_all(self, writer: ArtifactWriter) -> tuple[HistoryRows, FloatMatrix]:
        """Write the rows; their vectors go through a file, which the memory map keeps alive."""
        raw = writer.layout.root / "vectors.f32"
        with raw.open("wb") as file:
            rows = writer.write_rows(self._tables(file))
        if len(rows) < MIN_ROWS:
            raise InvalidInputError(
                f"the history has {len(rows)} usable rows: expected at least {MIN_ROWS} to predict "
                "from"
            )
        vectors = np.memmap(raw, np.float32, "r").reshape(len(rows), -1)
        raw.unlink()
        return rows, vectors

    def _tables(self, raw: BinaryIO) -> Iterator[Any]:
        first_row = 0
        for chunk in self._encoded:
            self._progress.rows(chunk.rows_read)
            raw.write(np.ascontiguousarray(chunk.vectors).data)
            if self._held_out is not None:
                self._held_out.see(chunk.records, first_row)
            if self._options.cascade_loss is not None:
                self._digests.append(digests_of(record.prompt for record in chunk.records))
            yield rows_to_table(chunk.records, keep_text=self._options.keep_text)
            first_row += len(chunk.records)

    def _facts(self) -> ArtifactFacts:
        return ArtifactFacts(
            version=self.version,
            encoder=self._identity(),
            quantile_levels=self._options.quantile_levels,
            keeps_text=self._options.keep_text,
            data_fingerprint=self._encoded.fingerprint,
            skipped_rows=self._encoded.skipped_rows,
            training=self._trained.facts if self._trained else None,
        )

    def _identity(self) -> EncoderIdentity:
        if self._trained is None:
            return self._encoded.encoder
        return EncoderIdentity.from_training(self._trained.facts.base, self._encoded.encoder)
