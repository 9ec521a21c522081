"""One self-contained HTML page of a fleet's comparison: figures, frontier, instances over time."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from lengthwise.report.page_template import page_template
from lengthwise.report.style import BLUE, GREY, ORANGE, PALETTE, new_figure, styled, svg_of
from serving_sim.fleet.experiment import FleetRun
from serving_sim.fleet.figures import TITLES, cells, medians

COLOURS = (GREY, "#8c6d31", "#cc79a7", ORANGE, "#6b4c9a", BLUE, "#009e73")
"""Of the policies in turn; the eighth has that of the first again."""


def render_page(runs: Sequence[FleetRun], notes: Sequence[tuple[str, str]]) -> str:
    """The page.

    Args:
        runs: Of every policy and seed; what is drawn over time is each policy's first.
        notes: What must be known to read it: a heading and a text each.
    """
    rows = [run.summary for run in runs]
    first = {run.summary.policy: run for run in reversed(runs)}
    ordered = [first[policy] for policy in dict.fromkeys(row.policy for row in rows)]
    drawn = (
        ("frontier", "Instance hours and interactive requests that keep their SLO", _cost(runs)),
        ("instances", "Instances ready, over time", _over_time(ordered, 1, "instances")),
        ("waiting", "Requests that wait, over time", _over_time(ordered, 3, "requests")),
    )
    return page_template("serving_sim.fleet").render(
        palette=PALETTE,
        notes=notes,
        columns=TITLES,
        rows=cells(rows),
        pictures=[(title, svg_of(figure, name, title)) for name, title, figure in drawn],
    )


@styled
def _cost(runs: Sequence[FleetRun]) -> Figure:
    rows = [run.summary for run in runs]
    figure = new_figure()
    axes = figure.add_subplot()
    for place, policy in enumerate(dict.fromkeys(row.policy for row in rows)):
        hours = medians(rows, policy, "instance_hours")
        kept = 100 * medians(rows, policy, "interactive_attainment")
        axes.plot([hours], [kept], "o", color=_colour(place), markersize=9, label=policy)
    axes.set(xlabel="instance hours", ylabel="interactive requests within the SLO, %")
    axes.set_xlim(left=0)
    axes.legend(fontsize=8)
    return figure


@styled
def _over_time(runs: Sequence[FleetRun], column: int, label: str) -> Figure:
    figure = new_figure()
    axes = figure.add_subplot()
    for place, run in enumerate(runs):
        timeline = run.result.timeline
        minutes = [row[0] / 60 for row in timeline]
        values = [row[column] for row in timeline]
        axes.step(
            minutes, values, where="post", color=_colour(place), label=run.summary.policy, alpha=0.9
        )
    axes.set(xlabel="minutes", ylabel=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
