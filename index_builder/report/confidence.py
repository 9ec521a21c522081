"""Whether the stated confidence is the share of rows that it says."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from index_builder.report.against_stated import QUARTERS, draw_against_stated
from index_builder.report.share import Share
from lengthwise.index.length_scale import FloatArray
from lengthwise.report.style import (
    GREY,
    new_figure,
    only_horizontal_grid,
    percent_ticks,
    styled,
)

BINS = 10
"""Of equal width from 0 to 1: few enough to have rows each, enough for a line."""

MIN_BIN_ROWS = 10
"""Rows that a bin must have to be a point: the share of fewer says nothing."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Stated confidence and what became of it.

    Args:
        stated: Mean stated confidence of each bin with enough rows.
        observed: Share of its rows within a factor of two of the predicted length.
        rows_by_bin: Rows of every bin of equal width from 0 to 1, the small ones too.
    """

    stated: tuple[float, ...]
    observed: tuple[Share, ...]
    rows_by_bin: tuple[int, ...]

    @classmethod
    def from_predictions(
        cls, confidence: FloatArray, predicted: FloatArray, truth: FloatArray
    ) -> "Reliability":
        """Sort rows by stated confidence into bins; all of shape (rows,), lengths in tokens."""
        within = (truth >= predicted / 2) & (truth <= predicted * 2)
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        used = [b for b in range(BINS) if counts[b] >= MIN_BIN_ROWS]
        return cls(
            stated=tuple(float(confidence[bins == b].mean()) for b in used),
            observed=tuple(Share.from_hits(within[bins == b]) for b in used),
            rows_by_bin=tuple(counts.tolist()),
        )


@styled
def draw_confidence(data: Reliability) -> Figure:
    """Observed share against stated confidence, above the number of rows that state it."""
    figure = new_figure(height_in=4.6)
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3.4, 1))
    draw_against_stated(axes, data.stated, data.observed)
    axes.set_ylabel("share within a factor of two")
    width = 1 / len(data.rows_by_bin)
    middles = [(place + 0.5) * width for place in range(len(data.rows_by_bin))]
    below.bar(middles, data.rows_by_bin, width=0.86 * width, color=GREY)
    below.set(xlabel="stated confidence", ylabel="rows")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    percent_ticks(below.xaxis, QUARTERS)
    only_horizontal_grid(below)
    return figure
