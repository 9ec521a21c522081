"""Predictors side by side on rows that the index has not seen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from index_builder.evaluation.breakdown import (
    DECILES,
    ModelAccuracy,
    TierAccuracy,
    accuracy_by_model,
    accuracy_by_tier,
    coverage_90_by_decile,
)
from index_builder.evaluation.collected_rows import CollectedRows, EvaluatedRows
from index_builder.evaluation.metrics import (
    LengthMetrics,
    PredictedLengths,
    class_edges,
    measure,
    within_factor_2,
)
from index_builder.evaluation.predictor import LengthPredictor
from index_builder.evaluation.quantiles import constant_predictions, from_quantiles
from lengthwise.history.records import chunked
from lengthwise.index.arrays import BoolVector
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.calibration import GRID
from lengthwise.index.estimate.fitting import Validation
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows

CONSTANT = "constant_median"
"""In an evaluation's JSON: one length for every prompt, which a predictor must beat."""

ANOTHER_DRAW, MEAN_OF_DRAWS = "another_draw", "mean_of_other_draws"
"""In an evaluation's JSON: what the LLM's own chance leaves to predict."""

PREDICTOR_NAMES = {
    "head_alone": "trained head alone",
    "neighbours_alone": "neighbours alone",
    CONSTANT: "constant median",
    ANOTHER_DRAW: "LLM's other draw",
    MEAN_OF_DRAWS: "mean of its draws",
}
"""For people, of those whose name in the JSON says too little."""

CHUNK_ROWS = 1024
"""Rows asked about together: their vectors and neighbours are all that is in memory."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How predictors did on the same rows.

    Args:
        predictor: Name of the one that the service would use.
        metrics: How each predictor did, by its name.
        censored_rows: Rows left out because their true length is not known.
        seen_prompts: Rows whose very prompt is in the index: not a fair test, but real traffic.
        mean_confidence: Of the served predictor; to be held against `within_factor_2`.
        within_factor_2: Share of rows within a factor of two of the predicted median.
        index_version: The index asked; "" where it was made for this evaluation.
        protocol: How rows were kept apart, for people.
        by_model: The served predictor's accuracy by the LLM that answered.
        by_tier: Its accuracy by the tier that answered; empty where the index has no first tier.
        coverage_90_by_decile: Coverage of its 90 % intervals by predicted length, shortest first.
        missing_baselines: Why baselines that were asked for are not here; "" where all are.
        asked: The rows themselves, for pictures; no part of the JSON.
    """

    predictor: str
    metrics: dict[str, LengthMetrics]
    censored_rows: int
    seen_prompts: int
    mean_confidence: float
    within_factor_2: float
    protocol: str
    index_version: str = ""
    by_model: dict[str, ModelAccuracy] = field(default_factory=dict[str, ModelAccuracy])
    by_tier: dict[str, TierAccuracy] = field(default_factory=dict[str, TierAccuracy])
    coverage_90_by_decile: tuple[float | None, ...] = (None,) * DECILES
    missing_baselines: str = ""
    asked: EvaluatedRows | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: each predictor's metrics under its name."""
        return {
            "predictor": self.predictor,
            "protocol": self.protocol,
            "index_version": self.index_version,
            "rows": self.metrics[self.predictor].rows,
            "censored_rows": self.censored_rows,
            "seen_prompts": self.seen_prompts,
            "mean_confidence": self.mean_confidence,
            "within_factor_2": self.within_factor_2,
            **{name: metrics.to_dict() for name, metrics in self.metrics.items()},
            "by_model": _as_dicts(self.by_model),
            **({"by_tier": _as_dicts(self.by_tier)} if self.by_tier else {}),
            "coverage_90_by_decile": list(self.coverage_90_by_decile),
            "missing_peers": self.missing_baselines,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Evaluation":
        """From JSON, also as builds wrote it before some of the fields were there."""
        left = dict(data)
        by_model = left.pop("by_model", {})
        by_tier = left.pop("by_tier", {})
        deciles = left.pop("coverage_90_by_decile", (None,) * DECILES)
        missing = left.pop("missing_peers", "")
        known = {f.name for f in fields(cls)}
        return cls(
            metrics={k: LengthMetrics(**v) for k, v in left.items() if isinstance(v, dict)},
            by_model={name: ModelAccuracy(**accuracy) for name, accuracy in by_model.items()},
            by_tier={name: TierAccuracy(**accuracy) for name, accuracy in by_tier.items()},
            coverage_90_by_decile=tuple(deciles),
            missing_baselines=missing,
            **{name: value for name, value in left.items() if name in known},
        )


def _as_dicts(
    parts: Mapping[str, ModelAccuracy] | Mapping[str, TierAccuracy],
) -> dict[str, dict[str, float | int | None]]:
    return {name: accuracy.to_dict() for name, accuracy in parts.items()}


def evaluate_index(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    *,
    protocol: str,
    predictors: Sequence[LengthPredictor] = (),
    on_progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Ask an index about records and compare with their true lengths.

    Args:
        index: The one that would be served.
        records: Rows to predict; censored ones are counted and left out.
        protocol: How the rows were kept apart from the index, for people.
        predictors: Others to ask about the same rows.
        on_progress: Told how many rows have been predicted since it was last told.

    Raises:
        InvalidInputError: There is no row with a known true length.
    """
    collected = CollectedRows(index, predictors)
    for chunk in chunked(records, CHUNK_ROWS):
        collected.ask(chunk)
        on_progress(len(chunk))
    if not collected.rows:
        what = "no row to predict: expected a larger history or another --holdout"
        if collected.censored:
            what = f"all {collected.censored:,} rows are censored (cut off at a limit)"
        raise InvalidInputError(f"nothing to evaluate: {what}")
    if collected.repeats:
        protocol += f"; {collected.repeats:,} rows that repeat a prompt are not asked about again"
    return _compare(collected, index, protocol)


def _compare(collected: CollectedRows, index: LengthIndex, protocol: str) -> Evaluation:
    truth, name = collected.truth, index.predictor_name
    levels, quantiles = index.manifest.quantile_levels, collected.quantile_tokens
    predicted = {
        name: from_quantiles(levels, quantiles),
        CONSTANT: constant_predictions(index.rows, collected.models),
        **collected.predictions(),
        **_other_draws(collected.samples),
    }
    edges = class_edges(index.rows.output_tokens)
    return Evaluation(
        predictor=name,
        metrics={n: _measured(p, truth, edges) for n, p in predicted.items()},
        censored_rows=collected.censored,
        seen_prompts=collected.seen,
        mean_confidence=float(collected.confidence.mean()),
        within_factor_2=within_factor_2(predicted[name], truth),
        protocol=protocol,
        index_version=index.version,
        by_model=accuracy_by_model(predicted[name], truth, collected.models),
        by_tier=_by_tier(predicted[name], truth, collected),
        coverage_90_by_decile=coverage_90_by_decile(predicted[name], truth),
        asked=EvaluatedRows(
            truth=truth,
            models=tuple(collected.models),
            quantile_levels=levels,
            quantile_tokens=quantiles,
            confidence=collected.confidence,
            points={n: p.point for n, p in predicted.items()},
        ),
    )


def _measured(predicted: PredictedLengths, truth: FloatArray, edges: FloatArray) -> LengthMetrics:
    """Metrics over the rows that a predictor has an answer for."""
    answered = np.isfinite(predicted.point)
    if answered.all():
        return measure(predicted, truth, edges)
    return measure(PredictedLengths(predicted.point[answered]), truth[answered], edges)


def _other_draws(samples: Sequence[tuple[int, ...]]) -> dict[str, PredictedLengths]:
    """The LLM's other answers to a prompt as predictors of this one: what its own chance allows."""
    if sum(map(bool, samples)) < 2:
        return {}
    one = np.array([draws[0] if draws else np.nan for draws in samples])
    found = {ANOTHER_DRAW: PredictedLengths(one)}
    if any(len(draws) > 1 for draws in samples):
        mean = np.array([sum(draws) / len(draws) if draws else np.nan for draws in samples])
        found[MEAN_OF_DRAWS] = PredictedLengths(mean)
    return found


def _by_tier(
    predicted: PredictedLengths, truth: FloatArray, collected: CollectedRows
) -> dict[str, TierAccuracy]:
    if not collected.has_first_tier:
        return {}
    return {**accuracy_by_tier(predicted, truth, collected.confidence, collected.first)}


def evaluate_validation(
    validation: Validation,
    rows: HistoryRows,
    *,
    predictor: str,
    first: BoolVector | None = None,
) -> Evaluation:
    """The evaluation that a build stores: its own rows, each predicted by the others.

    Args:
        validation: The rows and what is predicted of each.
        rows: Columns of all rows of the index.
        predictor: What predicts, as evaluations name it.
        first: Shape (validated rows,): those that a first tier answers; None without one.
    """
    truth = rows.output_tokens[validation.rows].astype(float)
    models = [rows.models[code] for code in rows.model_codes[validation.rows]]
    edges = class_edges(rows.output_tokens)
    served = from_quantiles(GRID, validation.grid)
    return Evaluation(
        predictor=predictor,
        metrics={
            predictor: measure(served, truth, edges),
            CONSTANT: measure(constant_predictions(rows, models), truth, edges),
        },
        censored_rows=int(rows.censored.sum()),
        seen_prompts=0,
        mean_confidence=float(validation.confidence.mean()),
        within_factor_2=within_factor_2(served, truth),
        protocol="each row predicted by the rest of the index, calibrated on other rows",
        by_model=accuracy_by_model(served, truth, models),
        by_tier={}
        if first is None
        else {**accuracy_by_tier(served, truth, validation.confidence, first)},
        coverage_90_by_decile=coverage_90_by_decile(served, truth),
    )
