"""The pictures of `sim_reproduce`."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from lengthwise.report.style import BLUE, GREY, MUTED, ORANGE, styled
from serving_sim.reproduce.alise import AliseRow
from serving_sim.reproduce.headlines import Headlines
from serving_sim.reproduce.ssjf import SsjfRow

COLOURS = {
    "FCFS": MUTED,
    "ALISE": ORANGE,
    "ALISE, oracle": GREY,
    "shortest first": "#009e73",
    "SRPT, oracle, swapping": "#cc79a7",
    "Lengthwise": "#7fb8d9",
    "Lengthwise, by what remains": BLUE,
}
SHOWN_S_PER_TOKEN = 0.5
PUBLISHED_REDUCTION = (0.305, 0.396)


def draw_pictures(found: Headlines, folder: Path) -> None:
    """Write simulator-ssjf.png and simulator-alise.png."""
    for name, figure in (
        ("ssjf", draw_ssjf(found.ssjf_small)),
        ("alise", draw_curves(found.alise)),
    ):
        figure.savefig(folder / f"simulator-{name}.png", dpi=150)


@styled
def draw_curves(rows: Sequence[AliseRow]) -> Figure:
    """Normalised latency against the rate, a panel for each set of lengths."""
    sets = list(dict.fromkeys(row.lengths for row in rows))
    figure = Figure(figsize=(9.6, 4.3), layout="constrained")
    for axes, lengths in zip(figure.subplots(1, len(sets)), sets, strict=True):
        for variant, colour in COLOURS.items():
            curve = [row for row in rows if (row.lengths, row.variant) == (lengths, variant)]
            x, y = zip(*((row.rate_per_s, row.s_per_token) for row in curve), strict=True)
            axes.plot(x, y, color=colour, marker="o", markersize=3, label=variant)
        axes.set(ylim=(0, SHOWN_S_PER_TOKEN), xlabel="requests per second", title=lengths)
        axes.set_ylabel("mean completion time per output token (s)")
    _legend_above(figure, columns=4)
    return figure


@styled
def draw_ssjf(rows: Sequence[SsjfRow]) -> Figure:
    """Reduction of the mean completion time by arrivals, a panel for each batching mode."""
    modes = list(dict.fromkeys(row.batching for row in rows))
    policies = {"SSJF 3 classes": GREY, "SSJF 5 classes": BLUE, "SSJF oracle": ORANGE}
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    for axes, batching in zip(figure.subplots(1, len(modes), sharey=True), modes, strict=True):
        axes.axvspan(*PUBLISHED_REDUCTION, color=MUTED, alpha=0.2, label="published")
        for policy, colour in policies.items():
            line = [row for row in rows if (row.batching, row.policy) == (batching, policy)]
            gains = [row.comparison.jct_reduction for row in line]
            places = range(len(line))
            axes.plot(gains, places, color=colour, marker="o", linestyle="", label=policy)
            axes.set_yticks(places, [row.arrivals for row in line])
        axes.set(xlim=(-0.02, 0.7), title=batching)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figure.supxlabel("reduction of the mean completion time", fontsize=10)
    _legend_above(figure, columns=1 + len(policies))
    return figure


def _legend_above(figure: Figure, *, columns: int) -> None:
    """One legend for all panels, where it hides none of their lines."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=8)
