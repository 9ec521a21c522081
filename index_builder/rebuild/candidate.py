"""Writes an artifact from rows whose vectors are known."""

import json
import time
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from index_builder.evaluation.evaluation import evaluate_validation
from index_builder.rebuild.players import Cast
from index_builder.rebuild.source import EncoderSource
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.index import LengthIndex, write_fitted
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.layout import (
    NOTHING_TRAINED,
    TRAINED,
    ArtifactLayout,
    HistoryFacts,
    Manifest,
    describe_files,
    sha256_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a version is made by, beside its rows.

    Args:
        source: Its encoder.
        new_rows: How many of the rows came since the last version.
        last_sequence: How far it has followed the history.
        left_out: Rows of the history that it could not use.
        quantile_levels: Levels given in every answer.
        keeps_text: Store the prompts.
        seed: Of the rows sampled for fitting.
    """

    source: EncoderSource
    new_rows: int
    last_sequence: int
    left_out: int
    quantile_levels: tuple[float, ...]
    keeps_text: bool
    seed: int

    def write(self, folder: Path, version: str, content: VectorRows) -> LengthIndex:
        """Make an artifact.

        Args:
            folder: Made for it.
            version: Its name.
            content: Its rows, oldest first.

        Returns:
            It, loaded.
        """
        folder.mkdir(parents=True)
        layout = ArtifactLayout(folder)
        self.source.copy_to(folder)
        vectors = VectorIndex.build(content.vectors)
        vectors.save(layout.vectors)
        rows = content.rows if self.keeps_text else content.without_text()
        pq.write_table(rows.table, layout.rows, compression="zstd")
        self._fit(layout, version, content, vectors)
        manifest = self._manifest(layout, version, len(content), vectors)
        layout.manifest.write_text(manifest.to_json(), "utf-8")
        return LengthIndex.load(folder, encoder=self.source.encoder)

    def _fit(
        self, layout: ArtifactLayout, version: str, content: VectorRows, vectors: VectorIndex
    ) -> None:
        rows = HistoryRows.read(layout.rows)
        cast = Cast.of(content, self.source, self.new_rows)
        fit = fit_estimator(
            content.vectors,
            rows,
            Searcher(vectors, rows),
            players=cast.all,
            newest=cast.newest,
            seed=self.seed,
        )
        write_fitted(layout.calibration, fit.estimator)
        evaluation: dict[str, Any] = {}
        if fit.validation is not None:
            predictor = TRAINED if self.source.training else NOTHING_TRAINED
            found = evaluate_validation(fit.validation, rows, predictor=predictor)
            evaluation = replace(found, index_version=version).to_dict()
        layout.evaluation.write_text(json.dumps(evaluation, indent=1) + "\n", "utf-8")

    def _manifest(
        self, layout: ArtifactLayout, version: str, rows: int, vectors: VectorIndex
    ) -> Manifest:
        return Manifest(
            version=version,
            encoder=self.source.identity,
            rows=rows,
            skipped_rows=self.left_out,
            data_fingerprint=sha256_of(layout.rows),
            search=vectors.plan,
            quantile_levels=self.quantile_levels,
            keeps_text=self.keeps_text,
            created_unix_s=time.time(),
            created_by=f"lengthwise {installed_version('lengthwise')}",
            files=describe_files(layout),
            training=self.source.training,
            history=HistoryFacts(self.last_sequence, self.source.trained_until_unix_s),
        )
