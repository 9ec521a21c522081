"""Chooses how neighbours are weighted, and calibrates, on rows that stand in for new prompts.

Every row of the index can play the new prompt: it is searched for, itself and its group are struck
out of what is found, and the rest predicts it. So all rows stay in the index, and what is fitted
is fitted for the index as it will be served. Where the encoder was trained on the history, only
rows that it was not trained on may play: the others lie where their own length put them.

How a row was decoded is told for the one weight that it decides alone. All else is fitted and
calibrated as if no temperature were known, so that it holds for callers who tell none.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.estimate.calibration import MIN_ROWS, Calibration
from lengthwise.index.estimate.decoding import Decoding
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.length_scale import FloatArray, to_log, to_tokens
from lengthwise.index.estimate.retrieval import RetrievalEstimator, RetrievalParameters
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.search.hits import REPEAT_SIMILARITY, Hits
from lengthwise.index.search.repeats import first_of_each
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import PlayedBy, Searcher

FIT_ROWS = 2_000
CALIBRATION_ROWS = 4_000
SCALES = (0.05, 0.1, 0.2)
SPREADS = (0.0, 0.3)
NEIGHBOURS = (16, 64)
PRIOR_SIMILARITIES = (0.3, 0.6)
HEAD_SIMILARITIES = (0.6, 0.9, 1.2, 1.6, 2.2)
"""A trained head knows more than the prior and weighs more."""

OTHER_MODEL_WEIGHTS = (0.05, 0.2, 1.0)

OTHER_DECODING_WEIGHTS = (1.0, 0.3)
"""Of a repeat that was decoded otherwise than asked."""


@dataclass(frozen=True, slots=True)
class FittedEstimator:
    """What a build stores beside vectors and rows."""

    parameters: RetrievalParameters
    calibration: Calibration

    def estimator(self, rows: HistoryRows) -> RetrievalEstimator:
        """The estimator over some rows."""
        return RetrievalEstimator(rows, self.parameters, self.calibration.familiarity)


@dataclass(frozen=True, slots=True)
class Players:
    """The rows that may stand in for new prompts, where not all may.

    Args:
        rows: Shape (n,): which rows of the index.
        head_atoms: Shape (n, ATOMS): what the trained head says of each; None without one.
    """

    rows: IntVector
    head_atoms: FloatArray | None = None

    def distinct(self, rows: HistoryRows) -> "Players":
        """One of each prompt, LLM and decoding: a prompt asked a thousand times is one prompt."""
        first = first_of_each(rows.repeat_codes[self.rows])
        if first.all():
            return self
        atoms = None if self.head_atoms is None else self.head_atoms[first]
        return Players(self.rows[first], atoms)

    def sample(self, count: int, seed: int) -> "Players":
        """At most so many of them, in random order."""
        chosen = np.random.default_rng(seed).permutation(len(self.rows))[:count]
        atoms = None if self.head_atoms is None else self.head_atoms[chosen]
        return Players(self.rows[chosen], atoms)


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
    groups: IntVector
    tokens: IntVector
    censored: BoolVector
    decodings: IntVector
    head_atoms: FloatArray | None

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: slice | BoolVector) -> "_HeldOut":
        return _HeldOut(
            self.rows[which],
            Hits(self.hits.similarities[which], self.hits.rows[which]),
            self.codes[which],
            self.groups[which],
            self.tokens[which],
            self.censored[which],
            self.decodings[which],
            None if self.head_atoms is None else self.head_atoms[which],
        )

    def ended(self) -> "_HeldOut":
        return self.part(~self.censored)

    def nearness(self) -> FloatArray:
        return self.hits.nearness()

    def distributions(self, estimator: RetrievalEstimator, *, told: bool = False) -> WeightedCdf:
        decodings = self.decodings if told else None
        return estimator.distributions(self.hits, self.codes, self.head_atoms, decodings).cdf


def fit_estimator(
    vectors: FloatMatrix,
    rows: HistoryRows,
    searcher: Searcher,
    *,
    players: Players | None = None,
    newest: Players | None = None,
    seed: int = 0,
) -> Fit:
    """Fit on a sample of the index's own rows.

    Args:
        vectors: Shape (rows, dimension), as indexed.
        rows: Their columns.
        searcher: Searches them.
        players: The rows that may stand in for new prompts; None means all.
        newest: Those that do for the calibration, which is to follow a change of lengths, where
            neighbours' weights need not; None means all players.
        seed: Of the sample.
    """
    players = (players or Players(np.arange(len(rows)))).distinct(rows)
    players = players.sample(CALIBRATION_ROWS, seed)
    held_out = _hold_out(vectors, rows, searcher, players)
    familiarity = Familiarity.fit(held_out.hits)
    if len(held_out.ended()) < MIN_ROWS:
        calibration = Calibration.identity(familiarity)
        return Fit(FittedEstimator(RetrievalParameters(), calibration), None)
    estimator = RetrievalEstimator(rows, RetrievalParameters(), familiarity)
    parameters = _choose(estimator, held_out.part(slice(FIT_ROWS)), rows)
    if newest is not None:
        held_out = _hold_out(
            vectors, rows, searcher, newest.distinct(rows).sample(CALIBRATION_ROWS, seed)
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
    cdf = held_out.distributions(estimator)
    return Calibration.fit(
        cdf,
        to_log(held_out.tokens),
        held_out.censored,
        nearness=held_out.nearness(),
        groups=held_out.groups,
        familiarity=familiarity,
    )


def _validate(
    estimator: RetrievalEstimator, calibration: Calibration, held_out: _HeldOut
) -> Validation:
    cdf = held_out.distributions(estimator)
    grid = calibration.quantile_grid(cdf, held_out.nearness())
    confidence = calibration.confidence(grid, held_out.nearness())
    return Validation(held_out.rows, grid, confidence)


def _hold_out(
    vectors: FloatMatrix, rows: HistoryRows, searcher: Searcher, players: Players
) -> _HeldOut:
    sample = players.rows
    codes = rows.model_codes[sample]
    played_by = PlayedBy(sample, rows.group_codes)
    hits = searcher.search(vectors[sample], codes, played_by=played_by)
    held_out = _HeldOut(
        sample,
        hits,
        codes,
        rows.group_codes[sample],
        rows.output_tokens[sample],
        rows.censored[sample],
        rows.decodings[sample],
        players.head_atoms,
    )
    # Where striking out its group left nothing, a row stands in for no new prompt.
    return held_out.part(hits.rows[:, 0] >= 0)


def _choose(
    estimator: RetrievalEstimator, held_out: _HeldOut, rows: HistoryRows
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


def _finds_both_decodings(held_out: _HeldOut, rows: HistoryRows) -> BoolVector:
    """Held-out rows whose prompt was answered before both as they were decoded and otherwise.

    Others cannot tell how the one compares with the other: where the only answer before was decoded
    otherwise, a lower weight for it is a higher one for prompts that are merely near.
    """
    hits = held_out.hits
    repeated = (hits.rows >= 0) & (hits.similarities > REPEAT_SIMILARITY)
    answered = np.where(repeated, rows.decodings[hits.rows], Decoding.UNKNOWN)
    greedy, sampled = ((answered == d).any(axis=1) for d in (Decoding.GREEDY, Decoding.SAMPLED))
    return greedy & sampled & (held_out.decodings != Decoding.UNKNOWN)


def _error(estimator: RetrievalEstimator, held_out: _HeldOut, *, told: bool = False) -> float:
    """How far the medians are off on average, in tokens."""
    cdf = held_out.distributions(estimator, told=told)
    median = to_tokens(cdf.quantiles(np.full((len(held_out), 1), 0.5)))[:, 0]
    short = held_out.tokens - median
    # A median beyond a cut-off answer is not known to be wrong.
    return float(np.where(held_out.censored, np.maximum(short, 0), np.abs(short)).mean())
