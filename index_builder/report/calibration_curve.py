"""Whether stated probabilities are real: level by level, and by predicted length."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from index_builder.evaluation.collected_rows import EvaluatedRows
from index_builder.evaluation.metrics import covered
from index_builder.report.against_stated import QUARTERS, draw_against_stated
from index_builder.report.share import Share, error_bars
from lengthwise.index.length_scale import FloatArray
from lengthwise.report.style import (
    BLUE,
    INK,
    MUTED,
    coverage_axis,
    new_figure,
    only_horizontal_grid,
    percent,
    percent_ticks,
    plain_ticks,
    styled,
    tokens,
)

DECILES = 10
"""Parts of the rows by predicted length: tenths."""


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """Stated levels and the share of rows whose true length stayed at or under that quantile."""

    stated: tuple[float, ...]
    observed: tuple[Share, ...]

    @classmethod
    def from_rows(cls, rows: EvaluatedRows) -> "CalibrationCurve":
        """Compare all levels that the index answers with; quantiles are rounded, as lengths are."""
        under = rows.truth[:, None] <= np.rint(rows.quantile_tokens)
        return cls(rows.quantile_levels, tuple(Share.from_hits(column) for column in under.T))


@dataclass(frozen=True, slots=True)
class IntervalCoverage:
    """Coverage of a central interval, by tenths of the rows from the shortest predicted.

    Args:
        stated: What the interval should cover.
        predicted: Median predicted length of each tenth, in tokens.
        observed: What it covered of each.
    """

    stated: float
    predicted: tuple[float, ...]
    observed: tuple[Share, ...]

    @classmethod
    def from_rows(cls, rows: EvaluatedRows, predicted: FloatArray) -> "IntervalCoverage | None":
        """Of the 90 % interval, or of the widest central one where the levels do not give that.

        Args:
            rows: With the quantiles that the index gave.
            predicted: Shape (rows,): predicted lengths, in tokens.

        Returns:
            None where no level has its mirror image, or with fewer than ten rows.
        """
        ends = central_levels(rows.quantile_levels)
        if ends is None or len(rows) < DECILES:
            return None
        low, high = ends
        inside = covered((rows.quantile_tokens[:, low], rows.quantile_tokens[:, high]), rows.truth)
        tenths = np.array_split(np.argsort(predicted, kind="stable"), DECILES)
        return cls(
            stated=round(rows.quantile_levels[high] - rows.quantile_levels[low], 6),
            predicted=tuple(float(np.median(predicted[tenth])) for tenth in tenths),
            observed=tuple(Share.from_hits(inside[tenth]) for tenth in tenths),
        )


def central_levels(levels: tuple[float, ...]) -> tuple[int, int] | None:
    """Places of the levels of the 90 % interval, else of the widest central one."""
    places = {round(level, 6): place for place, level in enumerate(levels)}
    lows = sorted(level for level in places if level < 0.5 and round(1 - level, 6) in places)
    if not lows:
        return None
    low = 0.05 if 0.05 in lows else lows[0]
    return places[low], places[round(1 - low, 6)]


@styled
def draw_calibration_curve(data: CalibrationCurve) -> Figure:
    """Observed against stated level, with the diagonal on which both are the same."""
    figure = new_figure()
    axes = figure.add_subplot()
    draw_against_stated(axes, data.stated, data.observed)
    axes.set(xlabel="stated probability", ylabel="share of rows at or under the quantile")
    percent_ticks(axes.xaxis, QUARTERS)
    return figure


@styled
def draw_interval_coverage(data: IntervalCoverage) -> Figure:
    """Bars from the stated coverage up or down to the observed one."""
    figure = new_figure()
    axes = figure.add_subplot()
    places = list(range(len(data.observed)))
    axes.bar(
        places,
        [share.value - data.stated for share in data.observed],
        bottom=data.stated,
        color=BLUE,
        alpha=0.75,
        width=0.7,
        yerr=error_bars(list(data.observed)),
        ecolor=INK,
        capsize=2.5,
    )
    axes.axhline(data.stated, color=MUTED, linestyle="--", linewidth=1.2)
    low = max(0, min(data.stated - 0.1, *(share.low - 0.02 for share in data.observed)))
    axes.set(ylim=(low, 1), xlabel="median predicted length of each tenth of rows (tokens)")
    axes.set_ylabel(f"covered by the {percent(data.stated)} interval")
    coverage_axis(axes.yaxis, low)
    plain_ticks(axes.xaxis, places, lambda place: tokens(data.predicted[int(place)]))
    only_horizontal_grid(axes)
    return figure
