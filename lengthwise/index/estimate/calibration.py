"""Makes stated probabilities true on rows that the distribution was not made from.

Levels are recalibrated by the probability integral transform (split conformal prediction applied
to the predicted distribution function; Vovk et al. 2005, Chernozhukov et al. 2021): if on held-out
rows the truth falls under the predicted 90 % quantile only 85 % of the time, then a higher level
of the predicted distribution is given out as the 90 % quantile. It is done apart for queries with
near, middling and far neighbours, since an interval may be right on average and wrong for each.

Held-out rows that were cut off count as well, or the levels would be those of the short answers
alone: their place in the distribution is only known to be higher (Kaplan and Meier 1958 again).

The turns of one conversation say little more than one of them does, and a few conversations that
happen to be long would move every median. So the correction is shrunk where the rows come from few
groups.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from lengthwise.index.arrays import BoolVector, IntVector
from lengthwise.index.estimate.familiarity import Familiarity
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens

GRID = (np.arange(99) + 1) / 100
"""Levels at which a distribution is kept inside: 1 % to 99 %."""

STRATA = 4
"""Parts by nearness that levels are corrected in, at most."""

MIN_STRATUM_ROWS = 400
"""Rows that each part must have: the 5 % quantile of 400 is known to about one percentage point."""

MIN_ROWS = 40
"""With fewer held-out rows nothing can be calibrated; the levels are given as they are."""

FULL_CORRECTION_GROUPS = MIN_STRATUM_ROWS
"""With fewer groups of held-out rows their correction is made in part, by the root of their number,
as their error grows."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How raw levels and raw confidence are corrected.

    Args:
        rows: Held-out rows it was fitted on; 0 means uncalibrated.
        edges: Ascending nearness that parts the strata, shape (strata - 1,).
        levels: Shape (strata, len(GRID)): the raw level given out at each level of GRID.
        familiarity: Tells what is unlike the history.
        confidence_raw: Ascending; with `confidence_true` a non-decreasing map of raw confidence.
        confidence_true: Same shape: the share of held-out rows within a factor of two.
    """

    rows: int
    edges: tuple[float, ...]
    levels: tuple[tuple[float, ...], ...]
    familiarity: Familiarity
    confidence_raw: tuple[float, ...]
    confidence_true: tuple[float, ...]

    @classmethod
    def identity(cls, familiarity: Familiarity | None = None) -> "Calibration":
        """No correction, for histories too small to hold rows out."""
        levels = (tuple(GRID.tolist()),)
        return cls(0, (), levels, familiarity or Familiarity(), (0.0, 1.0), (0.0, 1.0))

    @classmethod
    def fit(
        cls,
        cdf: WeightedCdf,
        truth: FloatArray,
        censored: BoolVector,
        *,
        nearness: FloatArray,
        groups: IntVector,
        familiarity: Familiarity,
    ) -> "Calibration":
        """Fit on held-out rows.

        Args:
            cdf: Their predicted distributions on the log scale.
            truth: Shape (rows,): their true lengths on the log scale.
            censored: Shape (rows,): the true length was longer than that.
            nearness: Shape (rows,): how near their neighbours were.
            groups: Shape (rows,): rows of one conversation share a code; -1 for rows alone.
            familiarity: Tells which of them are unlike the rest.
        """
        if np.count_nonzero(~censored) < MIN_ROWS:
            return cls.identity(familiarity)
        strata = max(1, min(STRATA, len(truth) // MIN_STRATUM_ROWS))
        edges = np.quantile(nearness, np.arange(1, strata) / strata)
        stratum = np.searchsorted(edges, nearness)
        below, above = (cdf.levels_of(_moved(truth, by)) for by in (-0.5, 0.5))
        levels = [
            tuple(_levels(below[s], above[s], censored[s], groups[s]).tolist())
            for s in (stratum == number for number in range(strata))
        ]
        shape = cls(len(truth), tuple(edges.tolist()), tuple(levels), familiarity, (0, 1), (0, 1))
        grid = shape.quantile_grid(cdf, nearness)
        raw = shape.raw_confidence(grid, nearness)
        hit = within_factor_of_two(grid, to_tokens(truth), censored)
        knots = _isotonic(raw, hit)
        return cls(shape.rows, shape.edges, shape.levels, familiarity, *knots)

    def quantile_grid(self, cdf: WeightedCdf, nearness: FloatArray) -> FloatArray:
        """Calibrated quantiles at the levels of GRID, in tokens: shape (queries, len(GRID))."""
        stratum = np.searchsorted(np.array(self.edges), nearness)
        return to_tokens(cdf.quantiles(np.array(self.levels)[stratum]))

    def raw_confidence(self, grid: FloatArray, nearness: FloatArray) -> FloatArray:
        """Predicted probability of a factor of two, less where the prompt is unfamiliar."""
        median = grid[:, grid.shape[1] // 2, None]
        within = ((grid >= median / 2) & (grid <= median * 2)).mean(axis=1)
        return within * self.familiarity.of(nearness)

    def confidence(self, grid: FloatArray, nearness: FloatArray) -> FloatArray:
        """Probability that the truth is within a factor of two of the median; shape (queries,).

        On prompts like the history's this is calibrated. On unfamiliar ones no held-out row can
        vouch for it, so it is lowered towards 0.
        """
        raw = self.raw_confidence(grid, nearness)
        calibrated = np.interp(raw, self.confidence_raw, self.confidence_true)
        return np.clip(calibrated, 0, 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Calibration":
        """From JSON."""
        return cls(
            rows=int(data["rows"]),
            edges=tuple(data["edges"]),
            levels=tuple(tuple(row) for row in data["levels"]),
            familiarity=Familiarity(**data["familiarity"]),
            confidence_raw=tuple(data["confidence_raw"]),
            confidence_true=tuple(data["confidence_true"]),
        )


def within_factor_of_two(
    grid: FloatArray, truth_tokens: FloatArray, censored: BoolVector
) -> FloatArray:
    """1 where the truth is within a factor of two of the median, else 0; shape (queries,).

    Of a censored row, the share of its distribution beyond what is known that is within.
    """
    median = grid[:, grid.shape[1] // 2]
    hit = ((truth_tokens >= median / 2) & (truth_tokens <= median * 2)).astype(float)
    beyond = grid > truth_tokens[:, None]
    within = (beyond & (grid >= median[:, None] / 2) & (grid <= median[:, None] * 2)).sum(axis=1)
    return np.where(censored, within / np.maximum(beyond.sum(axis=1), 1), hit)


def _moved(log_length: FloatArray, tokens: float) -> FloatArray:
    """Log lengths, each moved by so many tokens."""
    return to_log(np.maximum(to_tokens(log_length) + tokens, 0))


def _levels(
    below: FloatArray, above: FloatArray, censored: BoolVector, groups: IntVector
) -> FloatArray:
    """The raw level to give out at each level of GRID: what rows say, less if they are few.

    Mixed as log odds, or a level of one in a thousand, which a far too narrow distribution needs,
    would be lost.
    """
    count = len(np.unique(groups[groups >= 0])) + np.count_nonzero(groups < 0)
    weight = min(1.0, float(np.sqrt(count / FULL_CORRECTION_GROUPS)))
    said = logit(_conformal_levels(below, above, censored))
    return expit(weight * said + (1 - weight) * logit(GRID))


def _conformal_levels(below: FloatArray, above: FloatArray, censored: BoolVector) -> FloatArray:
    """The raw level to give out at each level of GRID.

    Lengths are whole, and so are the ends of an interval to who reads it: rounded to 40, a low
    quantile still covers an answer of 40, and so does a high one. So a low quantile is held against
    the place where a true length's token ends, a high one against where it begins, and those of the
    middle half against places between. Short answers would be covered far too often otherwise.

    Args:
        below: Shape (rows,): raw level of half a token under the true length.
        above: Shape (rows,): raw level of half a token over it.
        censored: Shape (rows,): the true length was longer.
    """
    share = np.clip(2 * GRID - 0.5, 0, 1)
    levels = [
        _conformal_level(s * below + (1 - s) * above, censored, q)
        for s, q in zip(share.tolist(), GRID.tolist(), strict=True)
    ]
    return _ascending_from_the_median(np.array(levels))


def _ascending_from_the_median(levels: FloatArray) -> FloatArray:
    """Levels made to ascend, the median's left as it is.

    Where most answers have one and the same length, half a token is most of the distribution, and
    low levels come out above the median's.
    """
    middle = len(levels) // 2
    low = np.minimum.accumulate(levels[middle::-1])[::-1]
    return np.concatenate([low, np.maximum.accumulate(levels[middle:])[1:]])


def _conformal_level(transform: FloatArray, censored: BoolVector, level: float) -> float:
    """The raw level to give out at one level, with the finite-sample correction."""
    n = len(transform)
    order = np.lexsort((censored, transform))
    ended = ~censored[order]
    survival = np.cumprod(1 - ended / (n - np.arange(n)))
    # How many of n rows stay at or under each raw level: 1 to n where none was cut off.
    ordered, count = transform[order][ended], n * (1 - survival[ended])
    if not len(ordered):
        return level
    wanted, tolerance = (n + 1) * level, 1e-9 * n
    if count[-1] + tolerance < wanted <= n:
        # Beyond what any row that ended tells, nothing corrects the distribution.
        return float(np.interp(wanted, [count[-1], n + 1], [ordered[-1], 1.0]))
    padded = np.concatenate([[0.0], ordered, [1.0]])
    if level < 0.5:
        return float(padded[np.searchsorted(count, wanted + tolerance, side="right")])
    return float(padded[np.searchsorted(count, wanted - tolerance, side="left") + 1])


def _isotonic(raw: FloatArray, hit: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A non-decreasing map from raw to true confidence; (0, 0) anchors what is unfamiliar."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415  slow to import, builds only

    model = IsotonicRegression(y_min=0, y_max=1, increasing=True).fit(raw, hit)
    knots = np.quantile(raw, np.linspace(0, 1, 33))
    values = model.predict(knots)
    xs, first = np.unique(np.concatenate([[0.0], knots]), return_index=True)
    ys = np.concatenate([[0.0], values])[first]
    return tuple(map(float, xs)), tuple(map(float, np.maximum.accumulate(ys)))
