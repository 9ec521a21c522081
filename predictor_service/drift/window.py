"""What a window of scored predictions amounts to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lengthwise.index.arrays import BoolVector
from lengthwise.index.length_scale import FloatArray, to_log
from predictor_service.drift.scored_prediction import ABOVE, BELOW, ScoredPrediction

CENSORED = ScoredPrediction._fields.index("censored")
"""The column after the median and the true length."""

Scored = Sequence[ScoredPrediction] | FloatArray
"""Scored predictions: their fields, shape (rows, fields) where they are an array."""

MIN_RANKED_ROWS = 10
"""Fewer rows have no rank correlation worth telling."""


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """How well lengths were predicted; None where there are no rows to tell.

    Args:
        rows: Scored predictions in the window.
        censored_rows: Those whose length is only known to be longer.
        mae_tokens: Mean absolute error of the medians, without the censored rows.
        mae_standard_error_tokens: Standard error of `mae_tokens`, for what chance may do.
        log_error: Mean absolute error of log(1 + length), without the censored rows.
        coverage_90: Share of true lengths inside the 90 % interval; see `coverage`.
    """

    rows: int
    censored_rows: int
    mae_tokens: float | None
    mae_standard_error_tokens: float
    log_error: float | None
    coverage_90: float | None

    @classmethod
    def from_scored(cls, window: Scored) -> "WindowSummary":
        """Sum up some scored predictions, in any order."""
        if not len(window):
            return cls(0, 0, None, 0.0, None, None)
        median, truth, censored, place = np.asarray(window, float).T
        cut_off = censored.astype(bool)
        known = ~cut_off
        error = np.abs(median - truth)[known]
        log_error = np.abs(to_log(median) - to_log(truth))[known]
        spread = float(error.std()) if len(error) else 0.0
        return cls(
            rows=len(truth),
            censored_rows=int(cut_off.sum()),
            mae_tokens=float(error.mean()) if len(error) else None,
            mae_standard_error_tokens=spread / math.sqrt(max(1, len(error))),
            log_error=float(log_error.mean()) if len(error) else None,
            coverage_90=coverage(place, cut_off),
        )


def coverage(place: FloatArray, censored: BoolVector) -> float | None:
    """Share of true lengths inside the 90 % interval.

    A censored length says only "longer than that": the product-limit estimator (Kaplan and Meier
    1958) spreads it over the places of those that went on and ended. Where none is left that ended,
    what remains is unknown, and the share is that of the known.

    Args:
        place: Of each row, as in `ScoredPrediction.place`; shape (rows,).
        censored: True where the length is only known to be longer; shape (rows,).

    Returns:
        None if nothing is known.
    """
    placed = np.isfinite(place)
    place, ended = place[placed], ~censored[placed] | (place[placed] == ABOVE)
    order = np.lexsort((~ended, place))
    place, ended = place[order], ended[order]
    at_risk = len(place) - np.arange(len(place))
    surviving = np.cumprod(1 - ended / at_risk)
    mass = -np.diff(surviving, prepend=1.0)
    below, above = mass[place == BELOW].sum(), mass[place == ABOVE].sum()
    inside = mass[(place > BELOW) & (place < ABOVE)].sum()
    known = below + inside + above
    return float(inside / known) if known > 0 else None


def rank_agreement(window: Scored) -> float | None:
    """Kendall's tau-b of the medians with the true lengths, without the censored rows."""
    # Loaded with the encoder, so it costs nothing here.
    from scipy.stats import kendalltau  # noqa: PLC0415

    rows = np.asarray(window, float).reshape(-1, len(ScoredPrediction._fields))
    known = rows[rows[:, CENSORED] == 0, :CENSORED]
    if len(known) < MIN_RANKED_ROWS or not np.ptp(known, axis=0).all():
        return None
    found: Any = kendalltau(known[:, 0], known[:, 1])
    return float(found.statistic)
