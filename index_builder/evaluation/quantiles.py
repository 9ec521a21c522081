"""Predicted lengths out of quantiles: of an index's answers, or of the history alone."""

from collections.abc import Sequence

import numpy as np

from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.index.estimate.length_scale import FloatArray, to_tokens
from lengthwise.index.estimate.prior import ATOMS, LengthPrior
from lengthwise.index.search.rows import HistoryRows

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The median and the ends of the intervals that are measured."""


def from_quantiles(levels: Sequence[float] | FloatArray, tokens: FloatArray) -> PredictedLengths:
    """The median and the central intervals of answers.

    Args:
        levels: Ascending, in [0, 1].
        tokens: Shape (rows, levels): the quantile at each level.

    Returns:
        Without the intervals whose ends lie beyond the levels.
    """
    q05, q25, q50, q75, q95 = _at(LEVELS, levels, tokens).T
    low_90, low_50, _, high_50, high_90 = LEVELS
    first, last = levels[0], levels[-1]
    return PredictedLengths(
        q50,
        interval_50=(q25, q75) if first <= low_50 and last >= high_50 else None,
        interval_90=(q05, q95) if first <= low_90 and last >= high_90 else None,
    )


def constant_predictions(rows: HistoryRows, models: Sequence[str]) -> PredictedLengths:
    """The LLM's median and central intervals for every prompt of it: what knows no prompt says.

    Args:
        rows: The history.
        models: The LLM asked for, one per prompt; "" or one without history is the pool of all.
    """
    prior = LengthPrior.from_rows(rows)
    codes = {name: code for code, name in enumerate(rows.models)}
    atoms = prior.atoms(np.array([codes.get(m, -1) if m else -1 for m in models]))
    return from_quantiles(LEVELS, to_tokens(_at(LEVELS, np.linspace(0, 1, ATOMS), atoms)))


def _at(
    wanted: Sequence[float], levels: Sequence[float] | FloatArray, quantiles: FloatArray
) -> FloatArray:
    """Quantiles at some levels, each between two of the given; beyond them, the outermost."""
    place = np.interp(wanted, levels, np.arange(len(levels)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(levels) - 1)
    return quantiles[:, low] + (place - low) * (quantiles[:, high] - quantiles[:, low])
