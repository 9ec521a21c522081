"""Predictors side by side on rows that the index has not seen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from index_builder.chunks import chunked
from index_builder.metrics import LengthMetrics, PredictedLengths, measure
from length_index.calibration import GRID
from length_index.errors import InvalidInputError
from length_index.estimate import LengthEstimate, Neighbour, Query
from length_index.fitting import Validation
from length_index.index import LengthIndex
from length_index.length_scale import to_tokens
from length_index.prior import ATOMS, LengthPrior
from length_index.record import HistoryRecord
from length_index.rows import HistoryRows

SERVED = "retrieval"
CONSTANT = "constant_median"
ANOTHER_DRAW = "another_draw"
MEAN_OF_DRAWS = "mean_of_other_draws"
CHUNK_ROWS = 1024
SAME_SIMILARITY = 0.9999


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How predictors did on the same rows.

    Args:
        predictor: Name of the one that the service would use.
        metrics: By predictor's name.
        censored_rows: Rows left out because their true length is not known.
        seen_prompts: Rows whose very prompt is in the index: not a fair test, but real traffic.
        mean_confidence: Of the served predictor; to be held against `within_factor_2`.
        within_factor_2: Share of rows within a factor of two of the predicted median.
        index_version: The index asked; "" where it was made for this evaluation.
        protocol: How rows were kept apart, for people.
    """

    predictor: str
    metrics: dict[str, LengthMetrics]
    censored_rows: int
    seen_prompts: int
    mean_confidence: float
    within_factor_2: float
    protocol: str
    index_version: str = ""

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
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Evaluation":
        """From JSON."""
        plain = {f.name: data[f.name] for f in fields(cls) if f.name != "metrics"}
        metrics = {k: LengthMetrics(**v) for k, v in data.items() if isinstance(v, dict)}
        return cls(metrics=metrics, **plain)


@dataclass(slots=True)
class _Collected:
    """What is kept of each evaluated row: numbers only, so that memory stays small."""

    truth: list[int] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    others: list[tuple[int, ...]] = field(default_factory=list)
    quantiles: list[tuple[float, ...]] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    seen: int = 0
    censored: int = 0


LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def evaluate_index(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    *,
    protocol: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Ask an index about records and compare with their true lengths.

    Args:
        index: What would be served.
        records: Rows to predict; censored ones are counted and left out.
        protocol: How the rows were kept apart from the index, for people.
        on_progress: Told how many rows have been predicted since it was last told.

    Raises:
        InvalidInputError: There is no row with a known true length.
    """
    collected = _Collected()
    for chunk in chunked(records, CHUNK_ROWS):
        known = [r for r in chunk if not r.censored]
        collected.censored += len(chunk) - len(known)
        estimates = index.predict(
            [
                Query(r.prompt, r.model, neighbour_count=1, include_neighbour_text=True)
                for r in known
            ]
        )
        for record, estimate in zip(known, estimates, strict=True):
            _collect(collected, record, estimate)
        on_progress(len(chunk))
    if not collected.truth:
        what = "no row to predict: expected a larger history or another --holdout"
        if collected.censored:
            what = f"all {collected.censored:,} rows are censored (cut off at a limit)"
        raise InvalidInputError(f"nothing to evaluate: {what}")
    return _compare(collected, index, protocol)


def _collect(collected: _Collected, record: HistoryRecord, estimate: LengthEstimate) -> None:
    collected.truth.append(record.output_tokens)
    collected.model.append(record.model)
    collected.others.append(record.samples)
    collected.quantiles.append(tuple(estimate.quantile(level) for level in LEVELS))
    collected.confidence.append(estimate.confidence)
    collected.seen += any(_is_same(record, n) for n in estimate.neighbours)


def _is_same(record: HistoryRecord, neighbour: Neighbour) -> bool:
    """True if a neighbour is that very prompt; without its text, if it lies where that lies."""
    if neighbour.text:
        return neighbour.text == record.prompt
    return neighbour.similarity > SAME_SIMILARITY


def _compare(collected: _Collected, index: LengthIndex, protocol: str) -> Evaluation:
    truth = np.array(collected.truth, float)
    served = _within_reach(_from_quantiles(np.array(collected.quantiles)), index)
    ratio = (truth >= served.point / 2) & (truth <= served.point * 2)
    metrics = {
        SERVED: measure(served, truth),
        CONSTANT: measure(constant_predictions(index.rows, collected.model), truth),
        **_noise_ceiling(collected.others, truth),
    }
    return Evaluation(
        predictor=SERVED,
        metrics=metrics,
        censored_rows=collected.censored,
        seen_prompts=collected.seen,
        mean_confidence=float(np.mean(collected.confidence)),
        within_factor_2=float(ratio.mean()),
        protocol=protocol,
        index_version=index.version,
    )


def constant_predictions(rows: HistoryRows, models: Sequence[str]) -> PredictedLengths:
    """The LLM's median and central intervals for every prompt of it: what knows no prompt says."""
    prior = LengthPrior.from_rows(rows)
    codes = {name: code for code, name in enumerate(rows.models)}
    atoms = prior.atoms(np.array([codes.get(m, -1) if m else -1 for m in models]))
    places = np.array(LEVELS) * (ATOMS - 1)
    low = np.floor(places).astype(int)
    between = atoms[:, low] + (places - low) * (atoms[:, low + 1] - atoms[:, low])
    return _from_quantiles(to_tokens(between))


def _from_quantiles(quantiles: np.ndarray) -> PredictedLengths:
    q05, q25, q50, q75, q95 = quantiles.T
    return PredictedLengths(q50, interval_50=(q25, q75), interval_90=(q05, q95))


def _within_reach(lengths: PredictedLengths, index: LengthIndex) -> PredictedLengths:
    """Without the intervals whose ends lie beyond the levels that the index answers with."""
    first, *_, last = index.manifest.quantile_levels
    q05, q25, _, q75, q95 = LEVELS
    return PredictedLengths(
        lengths.point,
        interval_50=lengths.interval_50 if first <= q25 and last >= q75 else None,
        interval_90=lengths.interval_90 if first <= q05 and last >= q95 else None,
    )


def _noise_ceiling(
    others: Sequence[tuple[int, ...]], truth: np.ndarray
) -> dict[str, LengthMetrics]:
    """How well the LLM's other answers to the same prompt predict this one."""
    several = [i for i, draws in enumerate(others) if draws]
    if len(several) < 2:
        return {}
    target = truth[several]
    one = np.array([others[i][0] for i in several], float)
    ceiling = {ANOTHER_DRAW: measure(PredictedLengths(one), target)}
    if any(len(others[i]) > 1 for i in several):
        mean = np.array([sum(others[i]) / len(others[i]) for i in several])
        ceiling[MEAN_OF_DRAWS] = measure(PredictedLengths(mean), target)
    return ceiling


def evaluate_validation(validation: Validation, rows: HistoryRows) -> Evaluation:
    """The evaluation that a build stores: its own rows, each predicted by the others."""
    truth = rows.output_tokens[validation.rows].astype(float)
    columns = [int(np.argmin(np.abs(GRID - level))) for level in LEVELS]
    served = _from_quantiles(validation.grid[:, columns])
    ratio = (truth >= served.point / 2) & (truth <= served.point * 2)
    models = [rows.models[code] for code in rows.model_codes[validation.rows]]
    return Evaluation(
        predictor=SERVED,
        metrics={
            SERVED: measure(served, truth),
            CONSTANT: measure(constant_predictions(rows, models), truth),
        },
        censored_rows=int(rows.censored.sum()),
        seen_prompts=0,
        mean_confidence=float(validation.confidence.mean()),
        within_factor_2=float(ratio.mean()),
        protocol="each row predicted by the rest of the index, calibrated on other rows",
    )
