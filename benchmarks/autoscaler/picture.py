"""Draws the frontiers: attainment that is missed against instance hours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.autoscaler.frontier import DEFAULTS, Point

COLOURS = (
    "#999999",
    "#6b4c9a",
    "#8c6d31",
    "#cc79a7",
    "#e69f00",
    "#d55e00",
    "#56b4e9",
    "#0072b2",
    "#009e73",
)
"""Of the families in their order; all differ to colour-blind eyes by lightness as well."""

LEAST_MISSED = 1e-4
"""Share of misses that the logarithmic axis ends at: fewer are drawn there."""


def draw(panels: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Write one panel for each scenario; a large dot is a family's default setting.

    Args:
        panels: All points of a panel, by its title.
        path: Of the picture; its ending says the format.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  a second to import

    figure: Any = Figure(figsize=(4.4 * len(panels), 4.4), layout="constrained")
    axes: Any = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (title, points) in zip(axes, panels.items(), strict=True):
        families = dict.fromkeys(point.family for point in points)
        for family, colour in zip(families, COLOURS, strict=False):
            _draw_line(panel, [one for one in points if one.family == family], family, colour)
        panel.set(title=title, xlabel="instance hours", yscale="log")
        panel.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("interactive requests that miss their SLO")
    axes[-1].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_line(panel: Any, points: Sequence[Point], family: str, colour: str) -> None:
    placed = sorted(
        (
            point.spread("instance_hours").median,
            max(LEAST_MISSED, 1 - point.spread("interactive_attainment").median),
            point.policy,
        )
        for point in points
    )
    hours, missed, _ = zip(*placed, strict=True)
    panel.plot(hours, missed, "o-", color=colour, markersize=3, linewidth=1.2, label=family)
    for x, y, policy in placed:
        if policy == DEFAULTS[family]:
            panel.plot([x], [y], "o", color=colour, markersize=8)
