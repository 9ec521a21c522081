"""How well the rest of an answer is predicted while its tokens come."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from index_builder.evaluation.evaluated_rows import EvaluatedRows
from index_builder.report.share import Share, error_bars
from lengthwise.index.arrays import BoolVector
from lengthwise.index.estimate.length_scale import FloatArray
from lengthwise.length_distribution import LengthDistribution
from lengthwise.report.style import (
    BLUE,
    MUTED,
    ORANGE,
    coverage_axis,
    new_figure,
    only_horizontal_grid,
    percent,
    plain_ticks,
    styled,
    tokens,
)

FIRST_TOKENS = (0, 10, 25, 50)
"""Then twice as many each time, as long as enough rows are alive."""

MIN_ALIVE = 30
MAX_ROWS = 20_000
"""More rows than that are thinned out evenly: the picture would be the same."""

STATED = 0.9


@dataclass(frozen=True, slots=True)
class RemainingAccuracy:
    """Error over the tokens that have come, each of the rows that were still being answered.

    Args:
        generated_tokens: Tokens that have come, with no end.
        alive: Rows whose answer is longer than that.
        mae: Mean absolute error of the median of what remains, in tokens.
        naive_mae: The same for the first prediction less what has come, 0 at least.
        coverage_90: Share of rows inside the 90 % interval of what remains.
    """

    generated_tokens: tuple[int, ...]
    alive: tuple[int, ...]
    mae: tuple[float, ...]
    naive_mae: tuple[float, ...]
    coverage_90: tuple[Share, ...]

    @classmethod
    def of(cls, rows: EvaluatedRows) -> "RemainingAccuracy":
        """Ask each row's predicted distribution again at every point that enough rows reach."""
        thinned = np.arange(0, len(rows), -(-len(rows) // MAX_ROWS))
        truth = rows.truth[thinned]
        distributions = [
            LengthDistribution.from_quantiles(rows.quantile_levels, quantiles)
            for quantiles in np.maximum.accumulate(rows.quantile_tokens[thinned], axis=1).tolist()
        ]
        first = np.array([distribution.quantile(0.5) for distribution in distributions])
        points = _points(truth)
        found = [_rest(distributions, truth, generated) for generated in points]
        return cls(
            generated_tokens=points,
            alive=tuple(len(error) for error, _ in found),
            mae=tuple(float(error.mean()) for error, _ in found),
            naive_mae=tuple(_naive_mae(first, truth, generated) for generated in points),
            coverage_90=tuple(Share.of(inside) for _, inside in found),
        )


def _points(truth: FloatArray) -> tuple[int, ...]:
    points: list[int] = [*FIRST_TOKENS]
    while np.count_nonzero(truth > points[-1]) >= MIN_ALIVE:
        points.append(2 * points[-1])
    alive = (point for point in points if np.count_nonzero(truth > point) >= MIN_ALIVE)
    # A history of few rows has at least its first point.
    return tuple(alive) or FIRST_TOKENS[:1]


def _rest(
    distributions: list[LengthDistribution], truth: FloatArray, generated: int
) -> tuple[FloatArray, BoolVector]:
    """Absolute errors of the median of what remains, and what its interval covers.

    Interval ends are rounded, since lengths are whole.
    """
    errors: list[float] = []
    inside: list[bool] = []
    for distribution, length in zip(distributions, truth.tolist(), strict=True):
        # Before the first token an empty answer counts as well: nothing is known yet.
        if length > generated or generated == 0:
            rest, left = distribution.remaining(generated), length - generated
            errors.append(abs(rest.quantile(0.5) - left))
            low, high = rest.quantile((1 - STATED) / 2), rest.quantile((1 + STATED) / 2)
            inside.append(round(low) <= left <= round(high))
    return np.array(errors), np.array(inside)


def _naive_mae(first: FloatArray, truth: FloatArray, generated: int) -> float:
    alive = (truth > generated) | (generated == 0)
    left = np.maximum(0, first[alive] - generated)
    return float(np.abs(left - (truth[alive] - generated)).mean())


@styled
def draw_remaining_error(data: RemainingAccuracy) -> Figure:
    """MAE of what remains, with and without regard to what has come."""
    figure = new_figure()
    axes = figure.add_subplot()
    places = list(range(len(data.mae)))
    naive = "first prediction less what has come"
    axes.plot(places, data.naive_mae, color=ORANGE, marker="s", linestyle="--", label=naive)
    axes.plot(places, data.mae, color=BLUE, marker="o", label="median of what remains")
    axes.set(ylim=(0, 1.25 * max(*data.naive_mae, *data.mae)), ylabel="MAE (tokens)")
    axes.yaxis.set_major_formatter(lambda value, _: tokens(value))
    axes.legend(loc="upper left")
    _label_points(axes, data)
    return figure


@styled
def draw_remaining_coverage(data: RemainingAccuracy) -> Figure:
    """Coverage of the 90 % interval of what remains."""
    figure = new_figure()
    axes = figure.add_subplot()
    axes.axhline(STATED, color=MUTED, linestyle="--", linewidth=1.2, label="as stated")
    axes.errorbar(
        *(list(range(len(data.coverage_90))), [share.value for share in data.coverage_90]),
        yerr=error_bars(list(data.coverage_90)),
        color=BLUE,
        marker="o",
        capsize=2.5,
        label="observed",
    )
    low = max(0, min(0.8, *(share.low - 0.02 for share in data.coverage_90)))
    axes.set(ylim=(low, 1), ylabel=f"covered by the {percent(STATED)} interval")
    coverage_axis(axes.yaxis, low)
    axes.legend(loc="lower left")
    _label_points(axes, data)
    return figure


def _label_points(axes: Axes, data: RemainingAccuracy) -> None:
    """Under each point the tokens that have come and the rows still alive."""

    def label(place: float) -> str:
        return f"{tokens(data.generated_tokens[int(place)])}\n{data.alive[int(place)]:,}"

    plain_ticks(axes.xaxis, list(range(len(data.alive))), label)
    axes.set_xlabel("tokens so far (rows still running below)")
    only_horizontal_grid(axes)
