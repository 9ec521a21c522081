"""Chooses how neighbours are weighted, and calibrates, on rows that stand in for new prompts.

Every row of the index can play the new prompt: it is searched for, itself and its group are struck
out of what is found, and the rest predicts it. So all rows stay in the index, and what is fitted
is fitted for the index as it will be served.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from length_index.arrays import BoolVector, FloatMatrix, IntVector
from length_index.calibration import MIN_ROWS, Calibration
from length_index.familiarity import Familiarity
from length_index.hits import Hits
from length_index.length_scale import FloatArray, to_log, to_tokens
from length_index.retrieval import RetrievalEstimator, RetrievalParameters
from length_index.rows import HistoryRows
from length_index.searcher import PlayedBy, Searcher

FIT_ROWS = 2_000
CALIBRATION_ROWS = 4_000
SCALES = (0.05, 0.1, 0.2)
SPREADS = (0.0, 0.3)
NEIGHBOURS = (16, 64)
PRIOR_SIMILARITIES = (0.3, 0.6)
OTHER_MODEL_WEIGHTS = (0.05, 0.2, 1.0)


@dataclass(frozen=True, slots=True)
class FittedEstimator:
    """What a build stores beside vectors and rows."""

    parameters: RetrievalParameters
    calibration: Calibration

    def estimator(self, rows: HistoryRows) -> RetrievalEstimator:
        """The estimator over some rows."""
        return RetrievalEstimator(rows, self.parameters, self.calibration.familiarity)


@dataclass(frozen=True, slots=True)
class Validation:
    """Predictions of rows by the others, calibrated on yet others: how good a build is.

    Args:
        rows: Shape (n,): which rows of the index.
        grid: Shape (n, len(GRID)): their calibrated quantiles, in tokens.
        confidence: Shape (n,).
    """

    rows: IntVector
    grid: FloatArray
    confidence: FloatArray


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted estimator and how it did; no validation where rows were too few."""

    estimator: FittedEstimator
    validation: Validation | None


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """Rows that play new prompts, and what is found for them without themselves."""

    rows: IntVector
    hits: Hits
    codes: IntVector
    tokens: IntVector
    censored: BoolVector

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: slice | BoolVector) -> "_HeldOut":
        return _HeldOut(
            self.rows[which],
            Hits(self.hits.similarities[which], self.hits.rows[which]),
            self.codes[which],
            self.tokens[which],
            self.censored[which],
        )

    def ended(self) -> "_HeldOut":
        return self.part(~self.censored)

    def nearness(self) -> FloatArray:
        return self.hits.nearness()


def fit_estimator(
    vectors: FloatMatrix, rows: HistoryRows, searcher: Searcher, *, seed: int = 0
) -> Fit:
    """Fit on a sample of the index's own rows.

    Args:
        vectors: Shape (rows, dimension), as indexed.
        rows: Their columns.
        searcher: Searches them.
        seed: Of the sample.
    """
    held_out = _hold_out(vectors, rows, searcher, seed)
    familiarity = Familiarity.fit(held_out.hits)
    if len(held_out.ended()) < MIN_ROWS:
        calibration = Calibration.identity(familiarity)
        return Fit(FittedEstimator(RetrievalParameters(), calibration), None)
    estimator = RetrievalEstimator(rows, RetrievalParameters(), familiarity)
    parameters = _choose(
        estimator, held_out.part(slice(FIT_ROWS)), several_models=len(rows.models) > 1
    )
    chosen = estimator.with_parameters(parameters)
    fitted = FittedEstimator(parameters, _calibrate(chosen, held_out, familiarity))
    half = len(held_out) // 2
    calibrated_on_half = _calibrate(chosen, held_out.part(slice(half)), familiarity)
    others = held_out.part(slice(half, None)).ended()
    return Fit(fitted, _validate(chosen, calibrated_on_half, others) if len(others) else None)


def _calibrate(
    estimator: RetrievalEstimator, held_out: _HeldOut, familiarity: Familiarity
) -> Calibration:
    cdf = estimator.distributions(held_out.hits, held_out.codes).cdf
    return Calibration.fit(
        cdf,
        to_log(held_out.tokens),
        held_out.censored,
        nearness=held_out.nearness(),
        familiarity=familiarity,
    )


def _validate(
    estimator: RetrievalEstimator, calibration: Calibration, held_out: _HeldOut
) -> Validation:
    cdf = estimator.distributions(held_out.hits, held_out.codes).cdf
    grid = calibration.quantile_grid(cdf, held_out.nearness())
    confidence = calibration.confidence(grid, held_out.nearness())
    return Validation(held_out.rows, grid, confidence)


def _hold_out(vectors: FloatMatrix, rows: HistoryRows, searcher: Searcher, seed: int) -> _HeldOut:
    sample = np.random.default_rng(seed).permutation(len(rows))[:CALIBRATION_ROWS]
    codes = rows.model_codes[sample]
    played_by = PlayedBy(sample, rows.group_codes)
    hits = searcher.search(vectors[sample], codes, played_by=played_by)
    held_out = _HeldOut(sample, hits, codes, rows.output_tokens[sample], rows.censored[sample])
    # Where striking out its group left nothing, a row stands in for no new prompt.
    return held_out.part(hits.rows[:, 0] >= 0)


def _choose(
    estimator: RetrievalEstimator, held_out: _HeldOut, *, several_models: bool
) -> RetrievalParameters:
    """The parameters whose medians err least, in tokens; the calibration sees to the spread."""
    grid = [
        replace(
            estimator.parameters,
            scale=scale,
            spread=spread,
            neighbours=neighbours,
            prior_similarity=prior,
        )
        for scale, spread, neighbours, prior in product(
            SCALES, SPREADS, NEIGHBOURS, PRIOR_SIMILARITIES
        )
    ]
    best = min(grid, key=lambda p: _loss(estimator.with_parameters(p), held_out))
    if not several_models:
        return best
    sharing = [replace(best, other_model_weight=w) for w in OTHER_MODEL_WEIGHTS]
    return min(sharing, key=lambda p: _loss(estimator.with_parameters(p), held_out))


def _loss(estimator: RetrievalEstimator, held_out: _HeldOut) -> float:
    cdf = estimator.distributions(held_out.hits, held_out.codes).cdf
    median = to_tokens(cdf.quantiles(np.full((len(held_out), 1), 0.5)))[:, 0]
    short = held_out.tokens - median
    # A median beyond a cut-off answer is not known to be wrong.
    return float(np.where(held_out.censored, np.maximum(short, 0), np.abs(short)).mean())
