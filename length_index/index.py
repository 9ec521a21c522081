"""A loaded index: encode, search, estimate."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from length_index.arrays import FloatMatrix, IntVector
from length_index.calibration import GRID, Calibration
from length_index.encoder import Device, Encoder, Precision, load_encoder
from length_index.errors import ArtifactAlteredError, EncoderMismatchError
from length_index.estimate import LengthEstimate, Neighbour, Query
from length_index.fitting import FittedEstimator
from length_index.gpu_vectors import GpuVectorIndex, gpu_count
from length_index.hits import Hits
from length_index.layout import ArtifactLayout, Manifest, check_files, read_manifest
from length_index.length_scale import FloatArray
from length_index.retrieval import RetrievalParameters
from length_index.rows import HistoryRows
from length_index.searcher import Searcher
from length_index.store import resolve_artifact
from length_index.summary import IndexSummary
from length_index.vectors import VectorIndex

DEFAULT_QUANTILE_LEVELS = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)

UNKNOWN_MODEL_TRUST = 0.5
"""Confidence kept where the LLM asked for has no history: no row can vouch for its lengths. From
text-davinci-003's history to Vicuna's answers the stated 68 % were 39 %."""


class LengthIndex:
    """An artifact in memory, ready to predict. Safe to use from several threads.

    Args:
        manifest: What it is.
        encoder: Makes vectors of prompts.
        vectors: Of the past prompts.
        rows: Columns of the past prompts.
        fitted: How neighbours are weighted and probabilities corrected.
    """

    def __init__(
        self,
        manifest: Manifest,
        encoder: Encoder,
        vectors: VectorIndex,
        rows: HistoryRows,
        fitted: FittedEstimator,
    ) -> None:
        self.manifest = manifest
        self.encoder = encoder
        self.rows = rows
        self._vectors = vectors
        self._searcher = Searcher(vectors, rows)
        self._estimator = fitted.estimator(rows)
        self._calibration = fitted.calibration
        self._levels = np.array(manifest.quantile_levels)
        self._codes = {name: code for code, name in enumerate(rows.models)}

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        encoder: Encoder | None = None,
        device: Device = "auto",
        precision: Precision = "auto",
    ) -> "LengthIndex":
        """Read an artifact and check it against its manifest.

        Args:
            path: An artifact's folder, or a store whose current version is meant.
            encoder: The encoder to use, if it is loaded already; None loads the one named in the
                manifest.
            device: Where the encoder and the search run; "auto" takes a GPU where there is one.
            precision: Of the encoder.

        Raises:
            ArtifactError: The artifact is missing, incomplete, altered or of another schema.
            EncoderMismatchError: The encoder is not the one the artifact was built with.
            EncoderError: The encoder cannot be loaded.
        """
        layout = ArtifactLayout(resolve_artifact(Path(path)))
        manifest = read_manifest(layout)
        check_files(layout, manifest)
        encoder = encoder or load_encoder(manifest.encoder.name, device=device, precision=precision)
        _require_same_encoder(manifest, encoder)
        vectors = VectorIndex.load(layout.vectors, manifest.search)
        if device != "cpu" and gpu_count():
            vectors = GpuVectorIndex(vectors)
        rows = HistoryRows.read(layout.rows)
        if not len(rows) == len(vectors) == manifest.rows:
            raise ArtifactAlteredError(
                f"{layout.root} holds {len(vectors):,} vectors and {len(rows):,} rows, its "
                f"manifest says {manifest.rows:,}: build the index again"
            )
        return cls(manifest, encoder, vectors, rows, _read_fitted(layout.calibration))

    @property
    def version(self) -> str:
        """Name of the artifact's version."""
        return self.manifest.version

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Vectors of prompts: shape (len(prompts), dimension), rows of unit length."""
        return self.encoder.encode(prompts)

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> Hits:
        """The nearest past prompts of each query, those of the LLM asked for first."""
        return self._searcher.search(vectors, self._model_codes(queries))

    def estimate(self, hits: Hits, queries: Sequence[Query]) -> list[LengthEstimate]:
        """One calibrated estimate per query."""
        if not queries:
            return []
        codes = self._model_codes(queries)
        retrieved = self._estimator.distributions(hits, codes)
        nearness = hits.nearness()
        grid = _truncated(self._calibration.quantile_grid(retrieved.cdf, nearness), queries)
        unknown = np.array(
            [bool(q.model) and code < 0 for q, code in zip(queries, codes, strict=True)]
        )
        confidence = self._calibration.confidence(grid, nearness) * np.where(
            unknown, UNKNOWN_MODEL_TRUST, 1
        )
        expected = grid.mean(axis=1)
        quantiles = self._at_levels(grid)
        levels = self.manifest.quantile_levels
        return [
            LengthEstimate(
                expected_tokens=float(expected[i]),
                quantile_levels=levels,
                quantile_tokens=tuple(quantiles[i].tolist()),
                confidence=float(confidence[i]),
                basis="prior" if retrieved.prior_share[i] > 0.5 else "neighbours",
                nearness=float(hits.similarities[i, 0]),
                neighbours=self._name_neighbours(hits, i, query),
                model_known=bool(codes[i] >= 0),
            )
            for i, query in enumerate(queries)
        ]

    def predict(self, queries: Sequence[Query]) -> list[LengthEstimate]:
        """Encode, search and estimate in one call."""
        vectors = self.encode([query.prompt for query in queries])
        return self.estimate(self.search(vectors, queries), queries)

    def info(self) -> IndexSummary:
        """What the index holds."""
        manifest = self.manifest
        return IndexSummary(
            version=manifest.version,
            schema_version=manifest.schema_version,
            encoder=manifest.encoder.name,
            encoder_hash=manifest.encoder.content_hash,
            dimension=manifest.encoder.dimension,
            metric=manifest.metric,
            search=self._vectors.plan.kind,
            rows=manifest.rows,
            created_unix_s=manifest.created_unix_s,
            models=self.rows.summaries(),
            quantile_levels=manifest.quantile_levels,
        )

    def _model_codes(self, queries: Sequence[Query]) -> IntVector:
        return np.array([self._codes.get(q.model, -1) if q.model else -1 for q in queries])

    def _at_levels(self, grid: FloatArray) -> FloatArray:
        """Quantiles at the manifest's levels, each between two of the grid's."""
        place = np.interp(self._levels, GRID, np.arange(len(GRID)))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(GRID) - 1)
        return grid[:, low] + (place - low) * (grid[:, high] - grid[:, low])

    def _name_neighbours(self, hits: Hits, i: int, query: Query) -> tuple[Neighbour, ...]:
        named = [row for row in hits.rows[i, : query.neighbour_count].tolist() if row >= 0]
        return tuple(
            Neighbour(
                id=self.rows.id(row),
                similarity=similarity,
                output_tokens=int(self.rows.output_tokens[row]),
                model=self.rows.model(row),
                text=self.rows.prompt(row) if query.include_neighbour_text else "",
            )
            for row, similarity in zip(named, hits.similarities[i].tolist(), strict=False)
        )


def _truncated(grid: FloatArray, queries: Sequence[Query]) -> FloatArray:
    limits = np.array([q.max_tokens or np.inf for q in queries])
    return np.minimum(grid, limits[:, None])


def _require_same_encoder(manifest: Manifest, encoder: Encoder) -> None:
    built = manifest.encoder
    if encoder.content_hash != built.content_hash or encoder.dimension != built.dimension:
        raise EncoderMismatchError(
            f"the index was built with encoder {built.name!r} ({built.dimension} dimensions, hash "
            f"{built.content_hash[:12]}), but {encoder.name!r} has {encoder.dimension} dimensions "
            f"and hash {encoder.content_hash[:12]}: their vectors cannot be compared. Give the "
            "same encoder or build the index again"
        )


def write_fitted(path: Path, fitted: FittedEstimator) -> None:
    """Write what `fit_estimator` found."""
    data = {
        "parameters": asdict(fitted.parameters),
        "calibration": fitted.calibration.to_dict(),
    }
    path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def _read_fitted(path: Path) -> FittedEstimator:
    data = json.loads(path.read_text("utf-8"))
    return FittedEstimator(
        RetrievalParameters(**data["parameters"]), Calibration.from_dict(data["calibration"])
    )
