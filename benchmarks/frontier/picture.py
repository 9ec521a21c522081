"""Draws the frontier: mean gain against the tail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.frontier.tables import BURST, PolicyOutcome

COLOURS = {"aged": "#7f7f7f", "capped": "#1f77b4", "guarded": "#d62728"}
DEFAULTS = {"aged 16", "capped 16", "guarded 1"}
"""Rules with the setting that they have unless told otherwise; they are marked."""

MARKS = {"shortest": "s", "gittins": "^"}
AIM = (1.12, 0.8)


def draw(swept: Sequence[PolicyOutcome], fixed: Sequence[PolicyOutcome], path: Path) -> None:
    """Write one panel per load, each rule a line from first come first served up.

    Args:
        swept: Rules over their settings, named "rule setting".
        fixed: Rules that have no setting: one point each.
        path: Of the picture; its ending says the format.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  a second to import

    loads = sorted({one.scenario.load for one in swept})
    figure: Any = Figure(figsize=(4.2 * len(loads), 4.2), layout="constrained")
    panels: Any = figure.subplots(1, len(loads), sharey=True, squeeze=False)[0]
    for panel, load in zip(panels, loads, strict=True):
        _draw_panel(panel, [o for o in swept if o.scenario.load == load], load)
        for one in fixed:
            if one.scenario.load == load and one.policy in MARKS:
                x, y = one.p99.median, one.gain.median
                panel.plot([x], [y], MARKS[one.policy], color="black", label=one.policy)
    panels[0].set_ylabel("share of the oracle's gain in mean completion time")
    panels[0].legend(loc="lower right", fontsize=8)
    title = "Mean gain against the tail, 8 slots, Poisson arrivals; large: a rule's default setting"
    figure.suptitle(title, fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_panel(panel: Any, outcomes: Sequence[PolicyOutcome], load: float) -> None:
    for rule, colour in COLOURS.items():
        line = [one for one in outcomes if one.policy.startswith(f"{rule} ")]
        x = [1.0, *(one.p99.median for one in line)]
        y = [0.0, *(one.gain.median for one in line)]
        panel.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.5, label=rule)
        for one in line:
            if one.policy in DEFAULTS:
                where = (one.p99.median, one.gain.median)
                panel.plot(*where, "o", color=colour, markersize=10, alpha=0.6)
    panel.axvline(AIM[0], color="#bbbbbb", linewidth=1, linestyle="--", zorder=0)
    panel.axhline(AIM[1], color="#bbbbbb", linewidth=1, linestyle="--", zorder=0)
    panel.set_title(f"burst of load {load:g}" if load == BURST else f"load {load:g}", fontsize=10)
    panel.set_xlabel("p99 completion time, over FCFS's")
    panel.set_ylim(0, 1)
