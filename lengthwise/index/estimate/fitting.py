"""Chooses how neighbours are weighted, and calibrates, on rows that stand in for new prompts.

Every row of the index can stand in for a new prompt: it is searched for, itself and its group are
left out of what is found, and the rest predicts it. So all rows stay in the index, and what is
fitted is fitted for the index as it will be served. Where the encoder was trained on the history,
only rows that it was not trained on may stand in: the others lie where their own length put them.

How a row was decoded is told for the one weight that it decides alone. All else is fitted and
calibrated as if no temperature were known, so that it holds for callers who tell none.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.decoding import Decoding
from lengthwise.index.estimate.calibration import MIN_ROWS, Calibration
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.estimate.held_out import HeldOutHits, HeldOutRows
from lengthwise.index.estimate.retrieval import RetrievalEstimator, RetrievalParameters
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens
from lengthwise.index.search.hits import REPEAT_SIMILARITY
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher

FIT_ROWS = 2_000
"""Held-out rows that weights are chosen on, at most: each point of the grid predicts them anew."""

CALIBRATION_ROWS = 4_000
"""Held-out rows that levels are corrected on, at most: they are predicted once."""

# The grid that weights are chosen from: values of the fields of `RetrievalParameters`.
SCALES = (0.05, 0.1, 0.2)  # similarity that divides a weight by e
SPREADS = (0.0, 0.3)  # half-widths on the log scale: none, or about a third of the length
NEIGHBOURS = (16, 64)  # rows that count
PRIOR_SIMILARITIES = (0.3, 0.6)  # below 1, a repeated prompt's

HEAD_SIMILARITIES = (0.6, 0.9, 1.2, 1.6, 2.2)
"""In place of `PRIOR_SIMILARITIES`: a trained head knows more than the prior and weighs more."""

OTHER_MODEL_WEIGHTS = (0.05, 0.2, 1.0)
"""Of another LLM's row, from next to nothing to as much as one of the LLM asked for."""

ABSURD_DEVIATIONS = 10.0
"""So many times as far from the middle as nine lengths in ten lie at most; of 82,000 answers in six
public sets three are farther."""

OTHER_DECODING_WEIGHTS = (1.0, 0.3)
"""Of a repeat that was decoded otherwise than asked."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Predictions of rows by the others, calibrated on yet others: how good a build is.

    Args:
        rows: Shape (n,): which rows of the index.
        grid: Shape (n, len(GRID)): their calibrated quantiles, in tokens.
        confidence: Shape (n,): that each median is within a factor of two, in [0, 1].
    """

    rows: IntVector
    grid: FloatArray
    confidence: FloatArray


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted estimator and how it did.

    Args:
        estimator: What is stored of it.
        validation: How good it is; None where rows were too few.
        held_out: Rows that stood in for new prompts, and what was found for each.
        newest: Those of them that the calibration follows.
    """

    estimator: FittedEstimator
    validation: Validation | None
    held_out: HeldOutHits
    newest: HeldOutHits

    def medians(self, held_out: HeldOutHits, rows: HistoryRows) -> FloatArray:
        """Calibrated medians of held-out rows, in tokens, shape (len(held_out),)."""
        cdf = held_out.distributions(self.estimator.estimator(rows))
        grid = self.estimator.calibration.quantile_grid(cdf, held_out.hits.nearness())
        return grid[:, grid.shape[1] // 2]


def fit_estimator(
    vectors: FloatMatrix,
    rows: HistoryRows,
    searcher: Searcher,
    *,
    held_out: HeldOutRows | None = None,
    newest: HeldOutRows | None = None,
    seed: int = 0,
) -> Fit:
    """Fit on a sample of the index's own rows.

    Args:
        vectors: Shape (rows, dimension), as indexed.
        rows: Columns of the same rows.
        searcher: Finds the same rows by their vectors.
        held_out: The rows that may stand in for new prompts; None means all.
        newest: Those that do for the calibration, which is to follow a change of lengths, where
            neighbours' weights need not; None means all of `held_out`, as do too few that ended.
        seed: Decides which of them are taken, if they are many.
    """
    chosen = (held_out or HeldOutRows(np.arange(len(rows)))).distinct(rows)
    chosen = chosen.sample(CALIBRATION_ROWS, seed)
    found = HeldOutHits.from_search(vectors, rows, searcher, chosen)
    familiarity = Familiarity.fit(found.hits)
    if len(found.ended()) < MIN_ROWS:
        calibration = Calibration.identity(familiarity)
        return Fit(FittedEstimator(RetrievalParameters(), calibration), None, found, found)
    estimator = RetrievalEstimator(rows, RetrievalParameters(), familiarity)
    parameters = _choose(estimator, found.part(slice(FIT_ROWS)), rows)
    everything = found
    if newest is not None:
        chosen = newest.distinct(rows).sample(CALIBRATION_ROWS, seed)
        latest = HeldOutHits.from_search(vectors, rows, searcher, chosen)
        # Older rows say more than none: most of the newest may have been cut off.
        found = latest if len(latest.ended()) >= MIN_ROWS else everything
    best = estimator.with_parameters(parameters)
    fitted = FittedEstimator(parameters, _calibrate(best, found, familiarity))
    half = len(found) // 2
    calibrated_on_half = _calibrate(best, found.part(slice(half)), familiarity)
    others = found.part(slice(half, None)).ended()
    validation = _validate(best, calibrated_on_half, others) if len(others) else None
    return Fit(fitted, validation, everything, found)


def _calibrate(
    estimator: RetrievalEstimator, held_out: HeldOutHits, familiarity: Familiarity
) -> Calibration:
    cdf = held_out.distributions(estimator)
    return Calibration.fit(
        cdf,
        to_log(held_out.tokens),
        held_out.censored,
        nearness=held_out.hits.nearness(),
        groups=held_out.groups,
        familiarity=familiarity,
    )


def _validate(
    estimator: RetrievalEstimator, calibration: Calibration, held_out: HeldOutHits
) -> Validation:
    cdf = held_out.distributions(estimator)
    grid = calibration.quantile_grid(cdf, held_out.hits.nearness())
    confidence = calibration.confidence(grid, held_out.hits.nearness())
    return Validation(held_out.rows, grid, confidence)


def _choose(
    estimator: RetrievalEstimator, held_out: HeldOutHits, rows: HistoryRows
) -> RetrievalParameters:
    """The parameters whose medians err least, in tokens; the calibration sees to the spread."""
    priors = PRIOR_SIMILARITIES if held_out.head_atoms is None else HEAD_SIMILARITIES
    grid = [
        replace(
            estimator.parameters,
            scale=scale,
            spread=spread,
            neighbours=neighbours,
            prior_similarity=prior,
        )
        for scale, spread, neighbours, prior in product(SCALES, SPREADS, NEIGHBOURS, priors)
    ]
    best = min(grid, key=lambda p: _error(estimator.with_parameters(p), held_out))
    if len(rows.models) > 1:
        sharing = [replace(best, other_model_weight=w) for w in OTHER_MODEL_WEIGHTS]
        best = min(sharing, key=lambda p: _error(estimator.with_parameters(p), held_out))
    torn = held_out.part(_finds_both_decodings(held_out, rows))
    if len(torn) < MIN_ROWS:
        return best
    repeating = [replace(best, other_decoding_weight=w) for w in OTHER_DECODING_WEIGHTS]
    return min(repeating, key=lambda p: _error(estimator.with_parameters(p), torn, told=True))


def _finds_both_decodings(held_out: HeldOutHits, rows: HistoryRows) -> BoolVector:
    """Held-out rows whose prompt was answered before both as they were decoded and otherwise.

    Others cannot tell how the one compares with the other: where the only answer before was decoded
    otherwise, a lower weight for it is a higher one for prompts that are merely near.
    """
    hits = held_out.hits
    repeated = (hits.rows >= 0) & (hits.similarities > REPEAT_SIMILARITY)
    answered = np.where(repeated, rows.decodings[hits.rows], Decoding.UNKNOWN)
    greedy, sampled = ((answered == d).any(axis=1) for d in (Decoding.GREEDY, Decoding.SAMPLED))
    return greedy & sampled & (held_out.decodings != Decoding.UNKNOWN)


def _error(estimator: RetrievalEstimator, held_out: HeldOutHits, *, told: bool = False) -> float:
    """How far the medians are off on average, in tokens, none counted beyond `_most_error`."""
    cdf = held_out.distributions(estimator, told=told)
    median = to_tokens(cdf.quantiles(np.full((len(held_out), 1), 0.5)))[:, 0]
    short = held_out.tokens - median
    # A median beyond a cut-off answer is not known to be wrong.
    error = np.where(held_out.censored, np.maximum(short, 0), np.abs(short))
    return float(np.minimum(error, _most_error(held_out)).mean())


def _most_error(held_out: HeldOutHits) -> float:
    """The error beyond which a length is absurd, and no reason to choose other weights.

    A few lengths of 90,000 tokens among answers of 60 would have weights chosen by which of them
    happen to lie near each other.
    """
    apart = np.abs(held_out.tokens - np.median(held_out.tokens))
    return ABSURD_DEVIATIONS * float(np.quantile(apart, 0.9))
