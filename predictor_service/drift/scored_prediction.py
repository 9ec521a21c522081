"""One prediction beside the length that came of it."""

import math
from typing import NamedTuple

import numpy as np

from lengthwise.index.record import HistoryRecord
from predictor_service.drift.outstanding import Given

LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95

TOLERANCE = 1e-6
"""Levels travel as 32-bit floats."""

BELOW, ABOVE = 0.0, 1.0
"""Places of what lies outside the 90 % interval."""


class Judged(NamedTuple):
    """How a prediction fared.

    Args:
        median_tokens: Predicted.
        true_tokens: As reported.
        censored: The true length is only known to be longer.
        place: Where the true length lies in the predicted distribution: BELOW or ABOVE its 90 %
            interval, else its level; of a censored one, the place that it lies beyond. NaN where
            the levels given hold no such interval.
    """

    median_tokens: float
    true_tokens: float
    censored: bool
    place: float


def judge(given: Given, record: HistoryRecord) -> Judged:
    """Set a prediction against the length that was reported.

    A prediction is of the length under the caller's own limit, so an answer that reached that limit
    has a known length, whatever it would have been without; only what something else cut off is
    censored.

    Args:
        given: Of the same prompt, LLM and limit.
        record: What was reported.
    """
    length = record.output_tokens
    at_limit = record.max_tokens is not None and length >= record.max_tokens
    censored = record.censored and not at_limit
    low, median, high = np.interp((LOW, MIDDLE, HIGH), given.levels, given.tokens).tolist()
    if given.levels[0] > LOW + TOLERANCE or given.levels[-1] < HIGH - TOLERANCE:
        return Judged(median, length, censored, math.nan)
    # Lengths are whole, and so are the ends of an interval to who reads it. What was cut off at the
    # upper end or beyond is known to have missed it.
    if length > round(high) or (censored and length >= round(high)):
        return Judged(median, length, censored, ABOVE)
    if length < round(low):
        return Judged(median, length, censored, BELOW)
    place = float(np.interp(length, given.tokens, given.levels))
    return Judged(median, length, censored, min(max(place, LOW), HIGH))
