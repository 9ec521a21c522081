"""Writes an artifact: the one place where its files are made.

Builds from files, rebuilds from completions and whatever brings rows and vectors from elsewhere all
end here. The manifest describes every other file and is written last: a folder without one is no
artifact.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.first_tier.fitted_tier import FittedTier
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.repeats.repeat_runs import write_repeats
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.search.plan import SearchPlan
from lengthwise.index.search.rows import SCHEMA, HistoryRows
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.layout import (
    ENCODER_FOLDER,
    FIRST_TIER_FOLDER,
    HEAD_FILE,
    ArtifactLayout,
    describe_files,
)
from lengthwise.index.store.manifest import (
    EncoderIdentity,
    FirstTierFacts,
    HistoryFacts,
    Manifest,
    TrainingFacts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """What a manifest says beyond what its files show.

    Args:
        version: Name of the version, as in the store that it is published to.
        encoder: The encoder that made the vectors.
        quantile_levels: Levels given in every answer, ascending, in (0, 1).
        keeps_text: False if the rows were written without their prompts.
        data_fingerprint: Hash of what the rows were read from.
        skipped_rows: Rows of the history left out because they could not be used.
        training: How the encoder was trained; None if it was taken as it is.
        history: How far it follows a history of completions; None if it was built from files.
        follows: The version before it, where its name does not tell; see `Manifest.follows`.
    """

    version: str
    encoder: EncoderIdentity
    quantile_levels: tuple[float, ...]
    keeps_text: bool
    data_fingerprint: str
    skipped_rows: int = 0
    training: TrainingFacts | None = None
    history: HistoryFacts | None = None
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class FinishedTier:
    """What is written of a first tier, beside the model that was taken in.

    Args:
        fitted: What it is sure of, and how its probabilities are corrected.
        known: The prompts of the artifact's rows.
        facts: What the manifest says of it.
    """

    fitted: FittedTier
    known: KnownPrompts
    facts: FirstTierFacts


class ArtifactWriter:
    """Fills a folder step by step: what was trained, if anything was; rows; vectors; the rest.

    Args:
        folder: Is there and holds nothing that does not belong to the artifact.
    """

    def __init__(self, folder: Path) -> None:
        self.layout = ArtifactLayout(folder)
        self._rows: HistoryRows | None = None
        self._plan: SearchPlan | None = None

    def add_trained(self, folder: Path, *, move: bool = False) -> None:
        """Take in a trained encoder and its head, and the first tier's where there is one.

        Args:
            folder: Holds them, as a training or another artifact has them.
            move: Leave nothing there; spares copying some hundred megabytes.
        """
        names = [ENCODER_FOLDER, HEAD_FILE]
        if (folder / FIRST_TIER_FOLDER).is_dir():
            names.append(FIRST_TIER_FOLDER)
        for name in names:
            source, target = folder / name, self.layout.root / name
            if move:
                shutil.move(source, target)
            elif source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)

    def write_rows(self, tables: Iterable[Any]) -> HistoryRows:
        """Write the rows, each table as a row group, as they come: memory holds one at a time.

        Args:
            tables: Arrow tables as laid out in `SCHEMA`, in the order of the vectors.

        Returns:
            The rows as whoever loads the artifact reads them.
        """
        with pq.ParquetWriter(self.layout.rows, SCHEMA, compression="zstd") as file:
            for table in tables:
                file.write_table(table)
        self._rows = HistoryRows.read(self.layout.rows)
        return self._rows

    def write_vectors(self, vectors: VectorIndex) -> VectorIndex:
        """Write the vectors, and the cells in which LLMs' own rows are searched.

        Args:
            vectors: Of the rows that were written, in their order.

        Returns:
            The vectors as whoever loads the artifact searches them.

        Raises:
            InvalidInputError: There are not as many vectors as rows.
            OSError: A file cannot be written.
        """
        if self._rows is None or len(vectors) != len(self._rows):
            raise InvalidInputError(
                f"{len(vectors):,} vectors for {len(self._rows or ()):,} rows: expected one for "
                "each"
            )
        vectors.save(self.layout.vectors)
        vectors.save_own_cells(self.layout.own_cells, self._rows.by_model())
        self._plan = vectors.plan
        return vectors.with_own_cells(self.layout.own_cells)

    def write_repeats(self, runs: Sequence[RepeatTable]) -> None:
        """Write what is known of prompts asked before beside the rows, if anything is.

        Args:
            runs: Lengths of rows of the history that are not among those written; the newest first.

        Raises:
            OSError: The file cannot be written.
        """
        write_repeats(self.layout.repeats, runs)

    def finish(
        self,
        facts: ArtifactFacts,
        fitted: FittedEstimator,
        evaluation: Mapping[str, Any],
        *,
        first_tier: FinishedTier | None = None,
    ) -> Manifest:
        """Write estimator and evaluation, and then the manifest of the whole.

        Args:
            facts: What the manifest says beyond what the files show.
            fitted: How neighbours are weighted and probabilities corrected.
            evaluation: How well rows were predicted that the artifact was not fitted on, as JSON;
                empty if there were too few.
            first_tier: What was fitted of the first tier that was taken in; None leaves it out.

        Raises:
            InvalidInputError: Rows or vectors were not written.
            OSError: A file cannot be written.
        """
        if self._rows is None or self._plan is None:
            raise InvalidInputError("an artifact needs rows and vectors: write them first")
        fitted.save(self.layout.calibration)
        self.layout.evaluation.write_text(json.dumps(evaluation, indent=1) + "\n", "utf-8")
        if first_tier is not None:
            first_tier.fitted.save(self.layout.fitted_tier)
            first_tier.known.save(self.layout.known_prompts)
        elif self.layout.first_tier.is_dir():
            shutil.rmtree(self.layout.first_tier)
        manifest = Manifest(
            version=facts.version,
            encoder=facts.encoder,
            rows=len(self._rows),
            skipped_rows=facts.skipped_rows,
            data_fingerprint=facts.data_fingerprint,
            search=self._plan,
            quantile_levels=facts.quantile_levels,
            keeps_text=facts.keeps_text,
            created_unix_s=time.time(),
            created_by=f"lengthwise {installed_version('lengthwise')}",
            files=describe_files(self.layout),
            training=facts.training,
            history=facts.history,
            follows=facts.follows,
            first_tier=None if first_tier is None else first_tier.facts,
        )
        self.layout.manifest.write_text(manifest.to_json(), "utf-8")
        return manifest
