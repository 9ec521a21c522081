"""Draws completion times by policy, kinds of jobs apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lengthwise.report.style import log_ticks, percent, plain_ticks, styled

COLOURS = ("#1b1f24", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by the colour-blind (Okabe and Ito 2008)."""

WIDTH_IN, HEIGHT_IN = 10.0, 4.8
LEAST_S = 0.02
"""Shorter times are of no interest on a logarithmic axis."""

Curves = Mapping[str, Sequence[float]]
"""A policy's name to completion times in seconds, ascending, at even shares from 0 to 1."""


def draw_completion_times(panels: Mapping[str, Curves], title: str, path: Path) -> None:
    """Draw distribution functions, one panel beside the other.

    Args:
        panels: By what they show, as "the shorter half of the jobs".
        title: Of the whole.
        path: The picture; its ending says the format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _figure(panels, title).savefig(path, dpi=150)


@styled
def _figure(panels: Mapping[str, Curves], title: str) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (what, curves) in zip(axes, panels.items(), strict=True):
        _draw_panel(panel, curves)
        panel.set_title(what, loc="left", fontsize=10)
    axes[0].set_ylabel("share of them completed")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _draw_panel(axes: Axes, curves: Curves) -> None:
    for i, (name, seconds) in enumerate(curves.items()):
        shares = [k / max(len(seconds) - 1, 1) for k in range(len(seconds))]
        axes.plot(seconds, shares, label=name, color=COLOURS[i % len(COLOURS)])
    least = max(LEAST_S, min(seconds[0] for seconds in curves.values()))
    most = max(seconds[-1] for seconds in curves.values())
    axes.set_xscale("log")
    axes.set_xlim(least, max(most, least * 1.01))
    plain_ticks(axes.xaxis, log_ticks(least, most), "{:g}".format)
    plain_ticks(axes.yaxis, [0, 0.25, 0.5, 0.75, 1], percent)
    axes.set_xlabel("seconds from arrival to last token")
