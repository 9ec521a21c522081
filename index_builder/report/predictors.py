"""Predictors side by side, and the served one LLM by LLM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from index_builder.evaluation.evaluation import (
    ANOTHER_DRAW,
    MEAN_OF_DRAWS,
    PREDICTOR_NAMES,
    Evaluation,
)
from lengthwise.report.style import BLUE, GREY, INK, ORANGE, PAPER, new_figure, styled

CEILINGS = {name: PREDICTOR_NAMES[name] for name in (ANOTHER_DRAW, MEAN_OF_DRAWS)}
"""No predictors: how well the LLM's other answers to the same prompt predict this one."""

MIN_LLM_ROWS = 30
"""Rows that an LLM must have for a bar of its own: of fewer an accuracy says little."""

MAX_LLMS = 20
"""Bars of LLMs that fit on a screen."""

BAR_IN = 0.34
"""Height of a bar with the gap to the next, in inches: a line of type of ten points fits."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One figure of merit for several things, best first.

    Args:
        names: What they are called on the page.
        values: As many; None where there is no such figure.
        highlighted: The name of the one that is served; "" if none is.
        ceilings: By name: what the LLM's own chance allows.
    """

    names: tuple[str, ...]
    values: tuple[float | None, ...]
    highlighted: str
    ceilings: dict[str, float]


def predictor_scores(evaluation: Evaluation, metric: str, *, low_is_good: bool = False) -> Scores:
    """One metric of every predictor.

    Args:
        evaluation: With the metrics of all of them.
        metric: Name of a field of `LengthMetrics`.
        low_is_good: True for errors, of which the lowest comes first.
    """
    values = {name: getattr(metrics, metric) for name, metrics in evaluation.metrics.items()}
    predictors = {PREDICTOR_NAMES.get(n, n): v for n, v in values.items() if n not in CEILINGS}
    ceilings = {CEILINGS[n]: v for n, v in values.items() if n in CEILINGS and v is not None}
    highlighted = PREDICTOR_NAMES.get(evaluation.predictor, evaluation.predictor)
    return _sorted(predictors, highlighted, ceilings, low_is_good=low_is_good)


def tau_by_llm(evaluation: Evaluation) -> Scores | None:
    """Kendall tau-b of the served predictor on each LLM's rows.

    Returns:
        The LLMs with the most rows; None if fewer than two have enough of them.
    """
    enough = {n: a for n, a in evaluation.by_model.items() if a.rows >= MIN_LLM_ROWS}
    largest = sorted(enough, key=lambda name: -enough[name].rows)[:MAX_LLMS]
    taus = {
        f"{name or '(not named)'} ({enough[name].rows:,})": enough[name].kendall_tau_b
        for name in largest
    }
    return _sorted(taus, "", {}, low_is_good=False) if len(taus) > 1 else None


def _sorted(
    values: Mapping[str, float | None],
    highlighted: str,
    ceilings: dict[str, float],
    *,
    low_is_good: bool,
) -> Scores:
    def place(name: str) -> tuple[bool, float]:
        value = values[name]
        return value is None, (value if low_is_good else -value) if value is not None else 0

    names = tuple(sorted(values, key=place))
    return Scores(names, tuple(values[name] for name in names), highlighted, ceilings)


@styled
def draw_scores(data: Scores, label: str, form: str) -> Figure:
    """Horizontal bars, the best on top, and under them what the LLM's own chance allows.

    Args:
        data: Names and values, best first.
        label: What the axis says the values are.
        form: Of the figures at the bars' ends, as `str.format` takes it.
    """
    values = [*data.values, *data.ceilings.values()]
    names = [*data.names, *data.ceilings]
    figure = new_figure(height_in=0.8 + BAR_IN * len(names))
    axes = figure.add_subplot()
    lengths = [value or 0 for value in values]
    for place, (name, length) in enumerate(zip(names, lengths, strict=True)):
        if name in data.ceilings:
            axes.barh(
                place, length, height=0.62, facecolor="none", edgecolor=ORANGE, linestyle="--"
            )
            axes.vlines(length, -0.55, len(data.names) - 0.5, ORANGE, linestyle="--", linewidth=1)
        else:
            served = name == data.highlighted or not data.highlighted
            axes.barh(place, length, height=0.66, color=BLUE if served else GREY)
    _write_values(axes, values, form)
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set(xlim=(min(0, *lengths) * 1.1, max(*lengths, 1e-9) * 1.16), xlabel=label)
    axes.grid(visible=False, axis="y")
    return figure


def _write_values(axes: Axes, values: Sequence[float | None], form: str) -> None:
    """A figure at the end of each bar."""
    for place, value in enumerate(values):
        axes.annotate(
            "none" if value is None else form.format(value),
            (max(value or 0, 0), place),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
