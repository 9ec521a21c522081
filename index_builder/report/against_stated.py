"""What was observed drawn against what was stated, both shares from 0 to 1."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from index_builder.report.share import Share, error_bars
from lengthwise.report.style import BLUE, MUTED, percent_ticks

QUARTERS = (0, 0.25, 0.5, 0.75, 1)
"""Ticks of both axes."""


def draw_against_stated(axes: Axes, stated: Sequence[float], observed: Sequence[Share]) -> None:
    """Points with their 95 % intervals, and the diagonal on which both are the same.

    Args:
        axes: Empty ones; their x axis is the caller's.
        stated: The shares that were claimed, ascending, in [0, 1].
        observed: What became of each, on rows that tell.
    """
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1.2, label="as stated")
    axes.errorbar(
        stated,
        [share.value for share in observed],
        yerr=error_bars(list(observed)),
        color=BLUE,
        marker="o",
        capsize=2.5,
        label="observed",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    percent_ticks(axes.yaxis, QUARTERS)
    axes.legend(loc="upper left")
