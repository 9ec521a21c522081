"""Predicted against true lengths, both on logarithmic axes."""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from index_builder.evaluation.metrics import PredictedLengths, measure
from lengthwise.index.length_scale import FloatArray
from lengthwise.report.style import BLUE, INK, MUTED, ORANGE, new_figure, plain_log, styled

CELLS = 44
"""On each axis: as many as a phone's screen shows apart."""

OUTSIDE = 0.001
"""Share of lengths at either end that may lie outside the picture; they count at its edge."""

MEDIAN_POINTS, MIN_MEDIAN_ROWS = 15, 15
"""Points on the line of medians at most, and rows behind each at least."""


@dataclass(frozen=True, slots=True)
class PredictedAgainstTrue:
    """How many rows lie where.

    Args:
        edges: Shape (cells + 1,): ends of the cells on both axes, in tokens, ascending.
        counts: Shape (cells, cells): rows by true (first) and predicted length.
        median_predicted: Of equally large groups of rows by predicted length, in tokens.
        median_true: The same groups' true median, in tokens.
        kendall_tau_b: Of all rows; None if all predictions are equal.
        mae: Of all rows, in tokens.
    """

    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    median_predicted: tuple[float, ...]
    median_true: tuple[float, ...]
    kendall_tau_b: float | None
    mae: float

    @classmethod
    def from_lengths(cls, predicted: FloatArray, truth: FloatArray) -> "PredictedAgainstTrue":
        """Count rows.

        Args:
            predicted: Shape (rows,): predicted lengths, in tokens.
            truth: Shape (rows,): true lengths, in tokens.
        """
        metrics = measure(PredictedLengths(predicted), truth)
        # A length of 0 has no place on a logarithmic axis.
        x, y = np.maximum(predicted, 1), np.maximum(truth, 1)
        low, high = np.quantile(np.concatenate([x, y]), [OUTSIDE, 1 - OUTSIDE])
        edges = np.geomspace(low / 1.1, high * 1.1, CELLS + 1)
        inside = (np.clip(y, low, high), np.clip(x, low, high))
        counts = np.histogram2d(*inside, bins=(edges, edges))[0].astype(int)
        groups = max(1, min(MEDIAN_POINTS, len(x) // MIN_MEDIAN_ROWS))
        parts = np.array_split(np.argsort(x, kind="stable"), groups)
        return cls(
            edges=tuple(edges.tolist()),
            counts=tuple(tuple(row) for row in counts.tolist()),
            median_predicted=tuple(float(np.median(x[part])) for part in parts),
            median_true=tuple(float(np.median(y[part])) for part in parts),
            kendall_tau_b=metrics.kendall_tau_b,
            mae=metrics.mae,
        )


@styled
def draw_predicted_against_true(data: PredictedAgainstTrue) -> Figure:
    """Density of rows, the diagonal where predictions are exact, and the true median."""
    figure = new_figure(height_in=4.6)
    axes = figure.add_subplot(xscale="log", yscale="log", aspect="equal")
    counts, low, high = np.array(data.counts), data.edges[0], data.edges[-1]
    shade = np.sqrt(counts / max(1, counts.max()))
    # One hue of growing opacity, so that it works on light and on dark paper.
    cmap = ListedColormap([(*to_rgb(BLUE), alpha) for alpha in np.linspace(0.08, 1, 64)])
    axes.pcolormesh(data.edges, data.edges, np.ma.masked_equal(shade, 0), cmap=cmap, vmin=0, vmax=1)
    axes.plot([low, high], [low, high], color=MUTED, linestyle="--", linewidth=1.2, label="exact")
    axes.plot(
        data.median_predicted,
        data.median_true,
        color=ORANGE,
        marker="o",
        markersize=3.5,
        label="true median",
    )
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set(xlabel="predicted length (tokens)", ylabel="true length (tokens)")
    plain_log(axes.xaxis, low, high)
    plain_log(axes.yaxis, low, high)
    axes.legend(loc="upper left")
    tau = "" if data.kendall_tau_b is None else f"tau-b {data.kendall_tau_b:.3f}\n"
    axes.text(
        0.97,
        0.04,
        f"{tau}MAE {data.mae:.1f} tokens",
        transform=axes.transAxes,
        ha="right",
        color=INK,
    )
    return figure
