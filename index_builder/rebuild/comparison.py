"""Two versions on the same rows: which predicts them better, by how much, and is that luck."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index_builder.evaluation.metrics import (
    PredictedLengths,
    covered,
    kendall_tau_b,
    mean_absolute_error,
)
from index_builder.evaluation.quantiles import from_quantiles
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.search.mapped import copied

STATED_COVERAGE = 0.9
"""What the interval that is looked at states, as a share of the rows."""

RESAMPLES = 200
"""Of the bootstrap: enough for a standard error (Efron and Tibshirani 1993)."""

LUCK_STANDARD_ERRORS = 2.0
"""A loss that is smaller may be luck: chance alone exceeds it in one comparison of forty."""

ASKED_AT_A_TIME = 1_024
"""Rows whose neighbours are in memory at once."""

NO_TEXT = " "
"""Asked in place of a prompt of which only the vector is known."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well some rows were predicted; tau-b is None where all predictions are equal."""

    kendall_tau_b: float | None
    mae_tokens: float
    coverage_90: float


@dataclass(frozen=True, slots=True)
class Loss:
    """How much worse the candidate is; below 0 it is better.

    Args:
        mae: Growth of the mean absolute error, as a share.
        tau: Fall of Kendall's tau-b, up to 2.
        coverage: Growth of what the 90 % interval's coverage lacks to 90 %.
    """

    mae: float
    tau: float
    coverage: float


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """A candidate beside the live version.

    Args:
        rows: How many rows both predicted.
        live: How the live version did.
        candidate: How the candidate did on the same rows.
        loss: How much worse that is.
        luck: Standard error of each loss, by resampling rows (paired bootstrap, Efron 1979).
    """

    rows: int
    live: Accuracy
    candidate: Accuracy
    loss: Loss
    luck: Loss

    def faults(self, options: RebuildOptions) -> list[str]:
        """Why the candidate is not to be published: what is worse by more than is tolerated.

        A loss within two standard errors may be luck and is no fault.
        """
        found: list[str] = []
        live, candidate = self.live, self.candidate
        if _is_fault(self.loss.mae, self.luck.mae, options.tolerate_mae):
            found.append(
                f"mean absolute error {candidate.mae_tokens:.1f} tokens, live "
                f"{live.mae_tokens:.1f}: {self.loss.mae:+.1%}, tolerated "
                f"{options.tolerate_mae:+.1%}"
            )
        if _is_fault(self.loss.tau, self.luck.tau, options.tolerate_tau):
            found.append(
                f"tau-b {_shown(candidate.kendall_tau_b)}, live {_shown(live.kendall_tau_b)}: "
                f"{-self.loss.tau:+.3f}, tolerated {-options.tolerate_tau:+.3f}"
            )
        if _is_fault(self.loss.coverage, self.luck.coverage, options.tolerate_coverage):
            found.append(
                f"coverage of the 90 % interval {candidate.coverage_90:.1%}, live "
                f"{live.coverage_90:.1%}: {self.loss.coverage:.1%} farther below 90 %, tolerated "
                f"{options.tolerate_coverage:.1%}"
            )
        return found


def compare(
    live: LengthIndex,
    candidate: LengthIndex,
    held_out: VectorRows,
    *,
    live_vectors: FloatMatrix,
    seed: int = 0,
) -> VersionComparison:
    """Have both predict rows that neither was made from.

    Args:
        live: The version that is served now.
        candidate: What may take its place.
        held_out: The rows, with vectors of the candidate's encoder; none is censored.
        live_vectors: Their vectors of the live version's encoder.
        seed: Decides which rows each resampling draws.
    """
    before = predicted(live, held_out, live_vectors)
    after = predicted(candidate, held_out, held_out.vectors)
    return _compared(before, after, held_out.rows.output_tokens.astype(float), seed)


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Some of an index's own rows, which it is asked about as if each were not there.

    Args:
        index: The one that holds them.
        content: All of its rows and vectors.
        places: Shape (n,): which of them are asked about.
    """

    index: LengthIndex
    content: VectorRows
    places: IntVector

    @property
    def truth(self) -> FloatArray:
        """Shape (n,): their lengths, in tokens."""
        return self.content.rows.output_tokens[self.places].astype(float)

    def predicted(self) -> PredictedLengths:
        """What the index says of them."""
        quantiles: list[tuple[float, ...]] = []
        for start in range(0, len(self.places), ASKED_AT_A_TIME):
            places = self.places[start : start + ASKED_AT_A_TIME]
            found = self.index.estimate_rows(places, copied(self.content.vectors, places))
            quantiles += [e.quantile_tokens for e in found]
        return from_quantiles(self.index.manifest.quantile_levels, np.array(quantiles, float))


def compare_own(live: OwnRows, candidate: OwnRows, *, seed: int = 0) -> VersionComparison:
    """Have both predict the same rows, which both hold.

    Args:
        live: Of the version that is served now.
        candidate: Of what may take its place; rows that its encoder did not learn from.
        seed: Decides which rows each resampling draws.
    """
    return _compared(live.predicted(), candidate.predicted(), candidate.truth, seed)


def _compared(
    before: PredictedLengths, after: PredictedLengths, truth: FloatArray, seed: int
) -> VersionComparison:
    everything = np.arange(len(truth))

    def loss(places: IntVector) -> Loss:
        return _loss(_accuracy(before, truth, places), _accuracy(after, truth, places))

    return VersionComparison(
        rows=len(truth),
        live=_accuracy(before, truth, everything),
        candidate=_accuracy(after, truth, everything),
        loss=loss(everything),
        luck=_standard_errors(loss, len(truth), seed),
    )


def predicted(index: LengthIndex, rows: VectorRows, vectors: FloatMatrix) -> PredictedLengths:
    """What an index says of rows whose vectors are known."""
    asked = [
        Query(prompt or NO_TEXT, model, neighbour_count=0, temperature=temperature)
        for prompt, model, temperature in zip(
            rows.prompts, rows.models, rows.temperatures, strict=True
        )
    ]
    quantiles: list[tuple[float, ...]] = []
    for start in range(0, len(asked), ASKED_AT_A_TIME):
        part = slice(start, start + ASKED_AT_A_TIME)
        hits = index.search(vectors[part], asked[part])
        quantiles += [e.quantile_tokens for e in index.estimate(hits, asked[part])]
    return from_quantiles(index.manifest.quantile_levels, np.array(quantiles, float))


def _accuracy(predicted: PredictedLengths, truth: FloatArray, places: IntVector) -> Accuracy:
    interval = predicted.interval_90
    coverage = 1.0
    if interval is not None:
        low, high = interval
        coverage = float(covered((low[places], high[places]), truth[places]).mean())
    point, true = predicted.point[places], truth[places]
    return Accuracy(kendall_tau_b(point, true), mean_absolute_error(point, true), coverage)


def _loss(live: Accuracy, candidate: Accuracy) -> Loss:
    return Loss(
        mae=candidate.mae_tokens / max(live.mae_tokens, 1e-9) - 1,
        tau=(live.kendall_tau_b or 0.0) - (candidate.kendall_tau_b or 0.0),
        coverage=_lacking(candidate) - _lacking(live),
    )


def _lacking(accuracy: Accuracy) -> float:
    return max(0.0, STATED_COVERAGE - accuracy.coverage_90)


def _standard_errors(loss: Callable[[IntVector], Loss], rows: int, seed: int) -> Loss:
    rng = np.random.default_rng(seed)
    drawn = [loss(rng.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    return Loss(
        mae=float(np.std([d.mae for d in drawn])),
        tau=float(np.std([d.tau for d in drawn])),
        coverage=float(np.std([d.coverage for d in drawn])),
    )


def _is_fault(loss: float, luck: float, tolerated: float) -> bool:
    return loss > max(tolerated, LUCK_STANDARD_ERRORS * luck)


def _shown(tau: float | None) -> str:
    return "none (all predictions equal)" if tau is None else f"{tau:.3f}"
