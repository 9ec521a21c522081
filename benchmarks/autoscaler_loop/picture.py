"""Draws a day: what came, and the engines over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.autoscaler_loop.arms import Day
from benchmarks.autoscaler_loop.replica import Replica
from lengthwise.report.style import BLUE, GREY, ORANGE, styled

BIN_S = 15.0
"""Of the arrivals: one sync of the HPA."""

WIDTH_IN, HEIGHT_IN = 7.5, 4.2


def draw_day(day: Day, path: Path) -> None:
    """Write the picture; the path's ending says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _figure(day).savefig(path, dpi=110)


@styled
def _figure(day: Day) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    load, engines = figure.subplots(2, 1, sharex=True)
    times_s = [outcome.request.arrival_s for outcome in day.outcomes]
    edges_s = np.arange(0.0, max(times_s) + BIN_S, BIN_S)
    counts, _ = np.histogram(times_s, edges_s)
    load.stairs(counts / BIN_S, edges_s / 60, color=ORANGE)
    load.set_ylabel("requests per second")
    load.set_ylim(bottom=0)
    paid = [(one.asked_s, day.end_s(one)) for one in day.replicas]
    serving = [_serving(one, day) for one in day.replicas if one.ready_s is not None]
    _draw_steps(engines, paid, GREY, "asked for", day.ended_s)
    _draw_steps(engines, serving, BLUE, "serve", day.ended_s)
    engines.set(ylabel="engines", xlabel="minutes")
    engines.set_ylim(bottom=0)
    engines.legend(loc="upper left")
    return figure


def _serving(replica: Replica, day: Day) -> tuple[float, float]:
    ready_s = replica.ready_s or 0.0
    return ready_s, day.end_s(replica) if replica.draining_s is None else replica.draining_s


def _draw_steps(
    axes: Axes, spans: Sequence[tuple[float, float]], colour: str, label: str, ended_s: float
) -> None:
    """The number of spans that a time lies in."""
    edges_s = sorted({0.0, ended_s, *(edge for span in spans for edge in span if edge < ended_s)})
    counts = [sum(begin <= at < end for begin, end in spans) for at in edges_s[:-1]]
    axes.stairs(counts, [at / 60 for at in edges_s], color=colour, label=label)
