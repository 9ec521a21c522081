"""A loaded index: encode, search, estimate."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.decoding import decodings_at
from lengthwise.index.encoder.encoder import Device, Encoder, Precision, load_encoder
from lengthwise.index.estimate.answers import AnsweredLengths, truncated
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.estimate.neighbour_names import NeighbourNames
from lengthwise.index.estimate.robust_mean import USUAL_LEVEL
from lengthwise.index.first_tier.first_tier import FirstTier, TierParts
from lengthwise.index.length_scale import FloatArray, to_tokens
from lengthwise.index.record import HistoryRecord, RowKey
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.search.gpu_vectors import placed
from lengthwise.index.search.hits import Hits
from lengthwise.index.search.recent import RecentRows
from lengthwise.index.search.recent_view import RecentView
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import LeaveGroupOut, Searcher, rows_to_fetch
from lengthwise.index.search.vector_search import VectorSearch
from lengthwise.index.store.artifact_reader import ArtifactReader
from lengthwise.index.store.folder_store import resolve_artifact
from lengthwise.index.store.manifest import Manifest
from lengthwise.index.summary import IndexSummary
from lengthwise.prediction import Basis

DEFAULT_QUANTILE_LEVELS = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)
"""The median and one level on either side, and the ends of the 50, 80 and 90 % intervals."""

NO_PRIOR_SIMILARITY = -5.0
"""At this similarity the prior weighs next to nothing."""

UNKNOWN_MODEL_TRUST = 0.5
"""Confidence kept where the LLM asked for has no history: no row can vouch for its lengths. From
text-davinci-003's history to Vicuna's answers the stated 68 % were 39 %."""


class LengthIndex:
    """An artifact in memory, ready to predict. Safe to use from several threads.

    Args:
        manifest: What the artifact says of itself.
        encoder: The one that made `vectors`; makes those of new prompts.
        vectors: Of the past prompts, row i belonging to row i of `rows`.
        rows: Columns of the past prompts.
        fitted: How neighbours are weighted and probabilities corrected.
        head: Trained on the history together with the encoder; None if nothing was trained.
        repeats: Lengths of prompts asked before, of rows that are not in `rows`; None without any.
        first_tier: Answers what it is sure of before the encoder is asked; None without one.
    """

    def __init__(
        self,
        manifest: Manifest,
        encoder: Encoder,
        vectors: VectorSearch,
        rows: HistoryRows,
        fitted: FittedEstimator,
        *,
        head: LengthHead | None = None,
        repeats: RepeatTable | None = None,
        first_tier: TierParts | None = None,
    ) -> None:
        self.manifest = manifest
        self.encoder = encoder
        self.rows = rows
        self.repeats = repeats
        self._vectors = vectors
        self._searcher = Searcher(vectors, rows)
        self._counted = fitted.parameters.neighbours
        self._estimator = fitted.estimator(rows)
        self._calibration = fitted.calibration
        self._head = head
        self._names = NeighbourNames(rows, keeps_text=manifest.keeps_text)
        self._codes = {name: code for code, name in enumerate(rows.models)}
        self.first_tier = first_tier and FirstTier(
            first_tier,
            prior=self._estimator.prior,
            codes=self._codes,
            levels=manifest.quantile_levels,
            repeats=repeats,
        )
        self.recent: RecentRows | None = None
        self._view: RecentView | None = None

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        encoder: Encoder | None = None,
        device: Device = "auto",
        precision: Precision = "auto",
        cascade: bool = True,
    ) -> "LengthIndex":
        """Read an artifact and check it against its manifest.

        Args:
            path: An artifact's folder, or a store whose current version is meant.
            encoder: The encoder to use, if it is loaded already; None loads the one named in the
                manifest.
            device: Where the encoder and the search run; "auto" takes a GPU where there is one.
            precision: That the encoder computes in; "auto" takes the fastest that does well.
            cascade: Let the artifact's first tier answer, if it has one.

        Raises:
            ArtifactError: The artifact is missing, incomplete, altered or of another schema.
            EncoderMismatchError: The encoder is not the one the artifact was built with.
            EncoderError: The encoder cannot be loaded.
        """
        artifact = ArtifactReader.from_folder(resolve_artifact(Path(path)))
        encoder = encoder or load_encoder(
            artifact.encoder_source,
            device=device,
            precision=precision,
            content_hash=artifact.manifest.encoder.content_hash,
        )
        artifact.require_encoder(encoder)
        vectors, rows = artifact.vectors_and_rows()
        index = cls(
            artifact.manifest,
            encoder,
            placed(vectors, device),
            rows,
            artifact.fitted(),
            head=artifact.head(),
            repeats=artifact.repeats(),
            first_tier=artifact.first_tier() if cascade else None,
        )
        index.prepare()
        return index

    def prepare(self) -> None:
        """Make now what the first search among each LLM's own rows would wait for."""
        self._searcher.prepare()

    @property
    def version(self) -> str:
        """Name of the artifact's version."""
        return self.manifest.version

    @property
    def predictor_name(self) -> str:
        """What its predictions come from, in evaluations."""
        return self.manifest.predictor_name

    def stored_vectors(self) -> Iterator[FloatMatrix]:
        """Vectors of the past prompts, in pieces, in the order of `rows`."""
        return self._vectors.stored_vectors()

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Vectors of prompts: shape (len(prompts), dimension), rows of unit length."""
        return self.encoder.encode(prompts)

    def search(self, vectors: FloatMatrix, queries: Sequence[Query]) -> Hits:
        """The nearest past prompts of each query, those of the LLM asked for first; its repeats."""
        recent = self._recent_view()
        codes = self._model_codes(queries, recent)
        asked = max((query.neighbour_count for query in queries), default=0)
        fetched = rows_to_fetch(self._counted, asked)
        hits = self._searcher.search(vectors, codes, recent=recent, neighbours=fetched)
        repeated = None if self.repeats is None else self.repeats.look_up(queries)
        return replace(hits, queries=vectors, repeated=repeated)

    def estimate(self, hits: Hits, queries: Sequence[Query]) -> list[LengthEstimate]:
        """One calibrated estimate per query."""
        if not queries:
            return []
        codes = self._model_codes(queries, hits.recent)
        retrieved = self._estimator.distributions(
            hits, codes, self._head_atoms(hits.queries, queries), _decodings(queries, codes)
        )
        nearness = hits.nearness()
        grid = truncated(self._calibration.quantile_grid(retrieved.cdf, nearness), queries)
        unknown = np.array(
            [bool(q.model) and code < 0 for q, code in zip(queries, codes, strict=True)]
        )
        confidence = self._calibration.confidence(grid, nearness) * np.where(
            unknown, UNKNOWN_MODEL_TRUST, 1
        )
        levels = self.manifest.quantile_levels
        usual_tokens = self._estimator.prior.quantile(codes, USUAL_LEVEL)
        told = AnsweredLengths.from_grid(grid, usual_tokens, levels)
        nearest = hits.nearest()
        without_neighbours: Basis = "prior" if self._head is None else "head"
        return [
            LengthEstimate(
                expected_tokens=float(told.expected_tokens[i]),
                quantile_levels=levels,
                quantile_tokens=tuple(told.quantile_tokens[i].tolist()),
                confidence=float(confidence[i]),
                basis=without_neighbours if retrieved.prior_share[i] > 0.5 else "neighbours",
                nearness=float(nearest[i]),
                neighbours=self._names.nearest(hits, i, query),
                model_known=bool(codes[i] >= 0),
            )
            for i, query in enumerate(queries)
        ]

    def head_medians(self, vectors: FloatMatrix, queries: Sequence[Query]) -> FloatArray | None:
        """The trained head's medians alone, in tokens, shape (queries,); None without a head."""
        atoms = self._head_atoms(vectors, queries)
        return None if atoms is None else to_tokens(np.median(atoms, axis=1))

    def neighbour_medians(self, vectors: FloatMatrix, queries: Sequence[Query]) -> FloatArray:
        """The medians of neighbours alone, uncalibrated, in tokens, shape (queries,)."""
        hits = self.search(vectors, queries)
        parameters = replace(self._estimator.parameters, prior_similarity=NO_PRIOR_SIMILARITY)
        alone = self._estimator.with_parameters(parameters)
        codes = self._model_codes(queries, hits.recent)
        cdf = alone.distributions(hits, codes, decodings=_decodings(queries, codes)).cdf
        return to_tokens(cdf.quantiles(np.full((len(queries), 1), 0.5)))[:, 0]

    def predict(self, queries: Sequence[Query]) -> list[LengthEstimate]:
        """The first tier's answers where it is sure; of the rest encode, search and estimate."""
        first = self.answered_first(queries)
        rest = [query for query, answer in zip(queries, first, strict=True) if answer is None]
        vectors = self.encode([query.prompt for query in rest])
        second = iter(self.estimate(self.search(vectors, rest), rest) if rest else ())
        return [answer or next(second) for answer in first]

    def answered_first(self, queries: Sequence[Query]) -> list[LengthEstimate | None]:
        """What the first tier answers; None for what it passes on, or for all without one."""
        if self.first_tier is None:
            return [None] * len(queries)
        recent = self.recent.snapshot if self.recent is not None else None
        return self.first_tier.answers(queries, recent)

    def add_recent(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> int:
        """Add rows that came after the build; the next search finds them.

        They are held in memory only, in `recent`, which may be set beforehand to bound it.

        Args:
            records: Oldest first; those whose key was added before are left out.
            vectors: Shape (len(records), dimension), rows of unit length.

        Returns:
            How many were added.
        """
        if self.recent is None:
            self.recent = RecentRows()
        return self.recent.add(records, vectors)

    def estimate_rows(self, places: IntVector, vectors: FloatMatrix) -> list[LengthEstimate]:
        """Estimates of some of its own rows, each as if neither it nor its group were there.

        Args:
            places: Shape (n,): numbers of the rows.
            vectors: Shape (n, dimension): of the same rows, as they are indexed.
        """
        chosen = self.rows.take(places.tolist()).table.select(["prompt", "model", "temperature"])
        queries = [
            Query(row["prompt"], row["model"], neighbour_count=0, temperature=row["temperature"])
            for row in chosen.to_pylist()
        ]
        hits = self._searcher.search(
            vectors,
            self.rows.model_codes[places],
            leave_out=LeaveGroupOut(places, self.rows.group_codes),
            neighbours=rows_to_fetch(self._counted, 0),
        )
        return self.estimate(replace(hits, queries=vectors), queries)

    def longest_tokens(self, model: str) -> int | None:
        """The length that one answer in a thousand of an LLM exceeds, by the rows of the build.

        Returns:
            None where the build has too few rows of the LLM to tell.
        """
        code = self._codes.get(model)
        return None if code is None else self.rows.longest_tokens[code]

    def learn(self, records: Sequence[HistoryRecord]) -> int:
        """Encode records and add them; see `add_recent`."""
        return self.add_recent(records, self.encode([record.prompt for record in records]))

    def built_with(self, keys: Collection[RowKey]) -> frozenset[RowKey]:
        """Those of some keys that rows of the build have."""
        return self.rows.holding(keys)

    def info(self) -> IndexSummary:
        """What the index holds."""
        return self._summary

    @cached_property
    def _summary(self) -> IndexSummary:
        """Computed once: the rows of a build never change, and every scrape asks."""
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

    def _head_atoms(
        self, vectors: FloatMatrix | None, queries: Sequence[Query]
    ) -> FloatArray | None:
        """What the trained head says of each query; None without one."""
        if self._head is None or vectors is None:
            return None
        prompts, models = [q.prompt for q in queries], [q.model for q in queries]
        return self._head.atoms(vectors, prompts, models)

    def _recent_view(self) -> RecentView | None:
        """The rows that came after the build, as they are now; None if there are none."""
        snapshot = self.recent.snapshot if self.recent is not None else None
        if snapshot is None:
            return None
        view = self._view
        if view is None or view.snapshot is not snapshot:
            view = self._view = RecentView.beside(snapshot, len(self.rows), self._codes)
        return view

    def _model_codes(self, queries: Sequence[Query], recent: RecentView | None) -> IntVector:
        codes = self._codes if recent is None else recent.model_codes
        return np.array([codes.get(q.model, -1) if q.model else -1 for q in queries])


def _decodings(queries: Sequence[Query], codes: IntVector) -> IntVector | None:
    """How each answer will be decoded; None where no query tells.

    Of an LLM without history it does not matter.
    """
    told = [
        None if query.model and code < 0 else query.temperature
        for query, code in zip(queries, codes, strict=True)
    ]
    return None if all(temperature is None for temperature in told) else decodings_at(told)
