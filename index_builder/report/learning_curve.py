"""Accuracy by the size of the history."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lengthwise.report.style import BLUE, ORANGE, new_figure, plain_ticks, styled, tokens


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What indexes built from parts of a history made of the same held-out rows.

    Args:
        rows: Sizes of the parts, ascending.
        kendall_tau_b: Of each size, one for each part drawn; None where all answers were the same.
        mae: The same, in tokens.
        constant_mae: The same for the LLM's median, in tokens.
        held_out_rows: Rows asked about.
    """

    rows: tuple[int, ...]
    kendall_tau_b: tuple[tuple[float | None, ...], ...]
    mae: tuple[tuple[float, ...], ...]
    constant_mae: tuple[tuple[float, ...], ...]
    held_out_rows: int


@styled
def draw_learning_tau(data: LearningCurve) -> Figure:
    """Kendall tau-b by size."""
    figure = new_figure()
    axes = figure.add_subplot(xscale="log")
    known = [[tau for tau in taus if tau is not None] for taus in data.kendall_tau_b]
    sizes = [size for size, taus in zip(data.rows, known, strict=True) if taus]
    _line(
        axes,
        sizes=sizes,
        values=[taus for taus in known if taus],
        colour=BLUE,
        label="the index",
        style="-o",
    )
    axes.set(ylim=(min(0, axes.get_ylim()[0]), None), ylabel="Kendall tau-b")
    _label_sizes(axes, data)
    return figure


@styled
def draw_learning_mae(data: LearningCurve) -> Figure:
    """MAE by size, beside the constant's."""
    figure = new_figure()
    axes = figure.add_subplot(xscale="log")
    for values, colour, label, style in (
        (data.constant_mae, ORANGE, "the LLM's median", "--s"),
        (data.mae, BLUE, "the index", "-o"),
    ):
        _line(axes, sizes=data.rows, values=values, colour=colour, label=label, style=style)
    axes.set(ylim=(0, None), ylabel="MAE (tokens)")
    axes.legend(loc="lower left")
    _label_sizes(axes, data)
    return figure


def _line(
    axes: Axes,
    *,
    sizes: Sequence[int],
    values: Sequence[Sequence[float]],
    colour: str,
    label: str,
    style: str,
) -> None:
    """A line through the means, in a band from the lowest to the highest part."""
    lows, highs = [min(v) for v in values], [max(v) for v in values]
    axes.fill_between(sizes, lows, highs, color=colour, alpha=0.2, linewidth=0)
    axes.plot(sizes, [sum(v) / len(v) for v in values], style, color=colour, label=label)


def _label_sizes(axes: Axes, data: LearningCurve) -> None:
    plain_ticks(axes.xaxis, data.rows, tokens)
    axes.set_xlabel("rows of history")
