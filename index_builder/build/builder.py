"""History in, index out: read, encode, index, fit, evaluate, publish. In bounded memory."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.parquet as pq

from index_builder.build.chunks import chunked
from index_builder.build.split import is_validation
from index_builder.build.unusable_vectors import usable_rows
from index_builder.evaluation.evaluation import Evaluation, evaluate_validation
from lengthwise.history.files import OnError
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import EncoderError, InvalidInputError
from lengthwise.index.estimate.fitting import Players, fit_estimator
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS, write_fitted
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import SCHEMA, HistoryRows, rows_to_table
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.layout import (
    NOTHING_TRAINED,
    TRAINED,
    ArtifactLayout,
    EncoderIdentity,
    Manifest,
    TrainingFacts,
    describe_files,
)
from lengthwise.index.store.store import IndexStore

CHUNK_ROWS = 8192
"""Rows encoded at a time: enough to sort by length within, little enough to forget."""

MIN_ROWS = 20
MIN_LEVELS = 9


class RecordSource(Protocol):
    """What is built from: records, and a hash of what was read once they are all read."""

    def __iter__(self) -> Iterator[HistoryRecord]:
        """The records."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the records read."""
        ...


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an index is built.

    Args:
        quantile_levels: Levels given in every answer: at least nine, ascending, in [0.01, 0.99].
        keep_text: Store the prompts, so that `include_neighbour_text` can show them.
        seed: Of the rows that are sampled for fitting.
        on_error: "stop" at a row whose prompt gets no vector, or "skip" it and count it.

    Raises:
        InvalidInputError: On unusable levels.
    """

    quantile_levels: tuple[float, ...] = DEFAULT_QUANTILE_LEVELS
    keep_text: bool = True
    seed: int = 0
    on_error: OnError = "stop"

    def __post_init__(self) -> None:
        levels = self.quantile_levels
        ascending = all(a < b for a, b in pairwise(levels))
        inside = all(0.01 <= level <= 0.99 for level in levels)
        if len(levels) < MIN_LEVELS or not ascending or not inside:
            raise InvalidInputError(
                f"quantile_levels is {levels}: expected at least {MIN_LEVELS} ascending levels "
                "from 0.01 to 0.99"
            )


@dataclass(frozen=True, slots=True)
class TrainedEncoder:
    """An encoder that was trained on the history which an index is built from.

    Args:
        folder: Holds encoder and head as `training.train` writes them; both are moved from there.
        facts: How it was trained.
    """

    folder: Path
    facts: TrainingFacts


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made."""

    path: Path
    manifest: Manifest
    evaluation: Evaluation | None


class BuildProgress(Protocol):
    """Is told how far a build is."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def rows(self, count: int) -> None:
        """So many more rows were encoded."""
        ...


class SilentProgress:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def rows(self, count: int) -> None:
        """So many more rows were encoded."""


def new_version(now: datetime | None = None) -> str:
    """A name that sorts by time and is never given twice."""
    now = now or datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z-{secrets.token_hex(3)}"


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
        out: The store's folder.
        encoder: Makes the vectors.
        options: How it is built.
        trained: What the encoder was loaded from, if it was trained on this history.
        skipped_rows: Asked after reading how many rows the reader left out.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: The history has too few rows.
        StoreError: The store cannot be written, the disk is full; nothing is published.
    """
    if ArtifactLayout(out).exists():
        raise InvalidInputError(
            f"{out} is a single artifact, not a store of versions: give another folder as --out"
        )
    job = _Build(
        history,
        encoder,
        options or BuildOptions(),
        trained=trained,
        skipped_rows=skipped_rows,
        progress=progress,
    )
    path = IndexStore(out).publish(job.version, job.write)
    return BuildResult(path, job.manifest, job.evaluation)


class _PlayersFound:
    """Finds, as records go by, the rows that the encoder was not trained on."""

    def __init__(self, trained: TrainedEncoder | None) -> None:
        self._facts = trained.facts if trained else None
        self._rows: list[int] = []
        self._prompts: list[str] = []
        self._models: list[str] = []

    def see(self, records: list[HistoryRecord], first_row: int) -> None:
        """Note those of some records that may play new prompts."""
        if self._facts is None:
            return
        for row, record in enumerate(records, first_row):
            if is_validation(record, self._facts.validation_share, self._facts.seed):
                self._rows.append(row)
                self._prompts.append(record.prompt)
                self._models.append(record.model)

    def found(self, vectors: FloatMatrix, layout: ArtifactLayout) -> Players | None:
        """The players; None if nothing was trained and all rows may play."""
        if self._facts is None:
            return None
        rows = np.array(self._rows, np.int64)
        head = LengthHead.load(layout.head)
        return Players(rows, head.atoms(vectors[rows], self._prompts, self._models))


class _Build:
    """One build: fills a folder."""

    def __init__(
        self,
        history: RecordSource,
        encoder: Encoder,
        options: BuildOptions,
        *,
        trained: TrainedEncoder | None,
        skipped_rows: Callable[[], int],
        progress: BuildProgress | None,
    ) -> None:
        self.version = new_version()
        self.manifest: Manifest
        self.evaluation: Evaluation | None = None
        self._history = history
        self._encoder = encoder
        self._options = options
        self._trained = trained
        self._players = _PlayersFound(trained)
        self._skipped_rows = skipped_rows
        self._progress = progress or SilentProgress()
        self._without_vector = 0

    def write(self, folder: Path) -> None:
        """Fill an empty folder with the artifact."""
        layout = ArtifactLayout(folder)
        if self._trained is not None:
            for source in self._trained.folder.iterdir():
                shutil.move(source, folder)
        raw = folder / "vectors.f32"
        self._progress.stage("encode")
        count = self._encode_all(raw, layout)
        if count < MIN_ROWS:
            raise InvalidInputError(
                f"the history has {count} usable rows: expected at least {MIN_ROWS} to predict from"
            )
        vectors = np.memmap(raw, np.float32, "r").reshape(count, self._encoder.dimension)
        rows = HistoryRows.read(layout.rows)
        self._progress.stage("index")
        index = VectorIndex.build(vectors)
        index.save(layout.vectors)
        self._progress.stage("calibrate")
        self._fit(vectors, rows, index, layout)
        raw.unlink()
        self._describe(layout, count, index)

    def _encode_all(self, raw: Path, layout: ArtifactLayout) -> int:
        count = 0
        writer = pq.ParquetWriter(layout.rows, SCHEMA, compression="zstd")
        with raw.open("wb") as file, writer:
            for chunk in chunked(self._history, CHUNK_ROWS):
                self._progress.rows(len(chunk))
                usable, vectors = usable_rows(
                    chunk,
                    encode_unique(self._encoder, [r.prompt for r in chunk], finite=False),
                    encoder=self._encoder.name,
                    on_error=self._options.on_error,
                )
                self._without_vector += len(chunk) - len(usable)
                file.write(np.ascontiguousarray(vectors).data)
                writer.write_table(rows_to_table(usable, keep_text=self._options.keep_text))
                self._players.see(usable, count)
                count += len(usable)
        return count

    def _fit(
        self, vectors: FloatMatrix, rows: HistoryRows, index: VectorIndex, layout: ArtifactLayout
    ) -> None:
        fit = fit_estimator(
            vectors,
            rows,
            Searcher(index, rows),
            players=self._players.found(vectors, layout),
            seed=self._options.seed,
        )
        write_fitted(layout.calibration, fit.estimator)
        if fit.validation is not None:
            self.evaluation = replace(
                evaluate_validation(fit.validation, rows, predictor=self._predictor()),
                index_version=self.version,
            )
        content: dict[str, Any] = self.evaluation.to_dict() if self.evaluation else {}
        layout.evaluation.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    def _describe(self, layout: ArtifactLayout, count: int, index: VectorIndex) -> None:
        self.manifest = Manifest(
            version=self.version,
            encoder=self._identity(),
            rows=count,
            skipped_rows=self._skipped_rows() + self._without_vector,
            data_fingerprint=self._history.fingerprint,
            search=index.plan,
            quantile_levels=self._options.quantile_levels,
            keeps_text=self._options.keep_text,
            created_unix_s=time.time(),
            created_by=f"lengthwise {installed_version('lengthwise')}",
            files=describe_files(layout),
            training=self._trained.facts if self._trained else None,
        )
        layout.manifest.write_text(self.manifest.to_json(), "utf-8")

    def _predictor(self) -> str:
        return TRAINED if self._trained else NOTHING_TRAINED

    def _identity(self) -> EncoderIdentity:
        encoder, trained = self._encoder, self._trained
        name = f"{trained.facts.base}, trained on this history" if trained else encoder.name
        return EncoderIdentity(
            name, encoder.content_hash, encoder.dimension, trained=trained is not None
        )


def encode_unique(encoder: Encoder, prompts: list[str], *, finite: bool = True) -> FloatMatrix:
    """Encode prompts, each different one once: histories repeat themselves.

    Args:
        encoder: Makes the vectors.
        prompts: In any order, some more than once.
        finite: Refuse vectors that are not; else the caller sees to them.

    Raises:
        EncoderError: The encoder gave something other than a finite vector for each.
    """
    places = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
    vectors = np.ascontiguousarray(encoder.encode(list(places)), np.float32)
    shaped = vectors.shape == (len(places), encoder.dimension)
    if not shaped or (finite and not np.isfinite(vectors).all()):
        bad = np.count_nonzero(~np.isfinite(vectors).reshape(len(vectors), -1).all(axis=1))
        raise EncoderError(
            f"encoder {encoder.name!r} gave an array of shape {vectors.shape}, {bad} of its rows "
            f"not finite: expected {len(places)} finite vectors of {encoder.dimension} dimensions"
        )
    if len(places) == len(prompts):
        return vectors
    return vectors[[places[prompt] for prompt in prompts]]
