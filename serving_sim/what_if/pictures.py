"""The pictures of a what-if report."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from lengthwise.report.style import BLUE, GREY, ORANGE, new_figure, percent_ticks, styled
from serving_sim.what_if.outcome import CURVE_LEVELS, Interval, Outcome

COLOURS = (GREY, BLUE, ORANGE, "#009e73", "#cc79a7", "#8c6d31", "#6b4c9a", "#a6761d")


@styled
def draw_by_load(
    rows: Sequence[Outcome], value: Callable[[Outcome], Interval], label: str
) -> Figure:
    """A figure of each policy against the load, with its confidence interval."""
    figure = new_figure()
    axes = figure.add_subplot()
    for policy, colour in zip(_policies(rows), _colours(rows), strict=True):
        line = sorted((row for row in rows if row.policy == policy), key=lambda row: row.load)
        loads = [row.load for row in line]
        of = [value(row) for row in line]
        axes.plot(loads, [one.mean for one in of], color=colour, marker="o", label=policy)
        axes.fill_between(
            loads,
            [max(0.0, one.low) for one in of],
            [one.high for one in of],
            color=colour,
            alpha=0.15,
        )
    axes.set(xlabel="load, over what the engine can serve", ylabel=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


@styled
def draw_curves(rows: Sequence[Outcome], load: float) -> Figure:
    """Share of the jobs completed within a time, at one load."""
    figure = new_figure()
    axes = figure.add_subplot()
    for policy, colour in zip(_policies(rows), _colours(rows), strict=True):
        row = next(row for row in rows if (row.policy, row.load) == (policy, load))
        axes.plot(row.curve_s, CURVE_LEVELS, color=colour, label=policy)
    axes.set(xlabel="completion time (s)", ylabel="share of the jobs", xscale="log", ylim=(0, 1))
    axes.xaxis.set_major_formatter(lambda number, _: f"{number:g}")
    percent_ticks(axes.yaxis, (0, 0.25, 0.5, 0.75, 1))
    axes.legend(fontsize=8)
    return figure


def _policies(rows: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(row.policy for row in rows))


def _colours(rows: Sequence[Outcome]) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(len(_policies(rows)))]
