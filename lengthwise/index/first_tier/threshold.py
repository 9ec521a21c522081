"""How much the first tier may answer: as much as keeps the order of the lengths.

What a tier that is asked first loses is measured in Kendall's tau-b, over all pairs of rows, those
of two tiers too: a first tier that is right by itself and says 10 % more than the second for all
would still put rows of the two in the wrong order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from lengthwise.index.length_scale import FloatArray

STEPS = 40
"""Shares that are tried, from a fortieth of the rows to all: of 800 rows, 20 apart."""

MIN_SHARE = 0.1
"""Answering less is not worth asking the first tier: it costs about a tenth of the second."""

MIN_ROWS = 200
"""With fewer held-out rows no loss of a few thousandths can be told from none: its standard error
is some 0.01 then."""


@dataclass(frozen=True, slots=True)
class TierPair:
    """Rows as both tiers answer them; all arrays of shape (rows,).

    Args:
        unsureness: Of the first tier; it answers those with the least.
        first: Medians of the first tier, in tokens.
        second: Those of the second tier, in tokens.
        truth: The true lengths, in tokens.
    """

    unsureness: FloatArray
    first: FloatArray
    second: FloatArray
    truth: FloatArray

    def answered(self, most: float) -> FloatArray:
        """Medians as they are served where the first tier answers up to some unsureness."""
        return np.where(self.unsureness <= most, self.first, self.second)


@dataclass(frozen=True, slots=True)
class Threshold:
    """How unsure a first tier may be, and what that costs.

    Args:
        most: The greatest unsureness that it answers at.
        share: Share of the rows that it then answers.
        loss: How much lower tau-b is than the second tier's alone.
        loss_error: Standard error of `loss`, in tau-b.
    """

    most: float
    share: float
    loss: float
    loss_error: float


def chosen_threshold(rows: TierPair, allowed_loss: float) -> Threshold | None:
    """The threshold that answers most within an allowed loss.

    The loss at each share is smoothed first: it can but grow with the share, and where it is seen
    to fall that is chance, which a search for the largest share would pick out. And it must be
    within what is allowed with its standard error added: on 794 Vicuna rows a share that seemed to
    lose 0.0046, give or take 0.0064, lost 0.0107 on 2,051 others.

    Returns:
        None where rows are too few, or none answers enough.
    """
    if len(rows.truth) < MIN_ROWS:
        return None
    ordered = np.sort(rows.unsureness)
    counts = np.unique(np.ceil(len(ordered) * (np.arange(STEPS) + 1) / STEPS).astype(int))
    most = ordered[counts - 1]
    losses = _rising(np.array([tau_loss(rows, m) for m in most.tolist()]))
    kept = np.flatnonzero((losses <= allowed_loss) & (counts >= MIN_SHARE * len(ordered)))
    for place in kept[::-1].tolist():
        best, loss = float(most[place]), float(losses[place])
        error = loss_error(rows, best)
        if loss + error <= allowed_loss:
            return Threshold(best, float((rows.unsureness <= best).mean()), loss, error)
    return None


def tau_loss(rows: TierPair, most: float) -> float:
    """How much lower tau-b is where the first tier answers, too."""
    return _tau_b(rows.second, rows.truth) - _tau_b(rows.answered(most), rows.truth)


def loss_error(rows: TierPair, most: float) -> float:
    """Standard error of `tau_loss`.

    By Hajek's projection: each row's part in the difference is its mean over all pairs with it.
    """
    answered = rows.answered(most)
    parts = np.array(
        [
            _agreement(rows.second, rows.truth, i) - _agreement(answered, rows.truth, i)
            for i in range(len(rows.truth))
        ]
    )
    return float(2 * parts.std() / np.sqrt(len(parts)))


def _agreement(predicted: FloatArray, truth: FloatArray, i: int) -> float:
    """Of the pairs with one row, the share in the right order less that in the wrong one."""
    return float((np.sign(predicted - predicted[i]) * np.sign(truth - truth[i])).mean())


def _tau_b(predicted: FloatArray, truth: FloatArray) -> float:
    """Kendall's tau-b (1945); 0 where one of the two has nothing to order."""
    found: Any = kendalltau(predicted, truth)
    return 0.0 if np.isnan(found.statistic) else float(found.statistic)


def _rising(losses: FloatArray) -> FloatArray:
    """The nearest sequence that never falls, by least squares."""
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  slow to import, builds only

    return np.asarray(isotonic_regression(losses), float)
