"""One self-contained HTML page out of a what-if's numbers, with its pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from lengthwise.report.page_template import page_template
from lengthwise.report.style import (
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    new_figure,
    percent_ticks,
    styled,
    svg_of,
)
from serving_sim.what_if.policy_at_load import CURVE_LEVELS, Interval, PolicyAtLoad, rate_within

COLOURS = (GREY, BLUE, ORANGE, "#009e73", "#cc79a7", "#8c6d31", "#6b4c9a", "#a6761d")
"""Of the policies in turn; the ninth has that of the first again."""


@styled
def draw_by_load(
    rows: Sequence[PolicyAtLoad], value: Callable[[PolicyAtLoad], Interval], label: str
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
def draw_curves(rows: Sequence[PolicyAtLoad], load: float) -> Figure:
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


def _policies(rows: Sequence[PolicyAtLoad]) -> list[str]:
    return list(dict.fromkeys(row.policy for row in rows))


def _colours(rows: Sequence[PolicyAtLoad]) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(len(_policies(rows)))]


COLUMNS = (
    ("mean", "mean_jct_s"),
    ("p50", "p50_jct_s"),
    ("p90", "p90_jct_s"),
    ("p99", "p99_jct_s"),
    ("first token", "mean_ttft_s"),
    ("longest wait", "max_wait_s"),
    ("short jobs", "short_jct_s"),
    ("long jobs", "long_jct_s"),
)
"""Titles and fields of PolicyAtLoad, all in seconds: a page has room for more than a terminal."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """All that the page shows.

    Args:
        rows: Of every policy and load.
        limit_s: On the mean completion time, for the throughput within it.
        notes: What must be known to read it: a heading and a text each.
    """

    rows: Sequence[PolicyAtLoad]
    limit_s: float
    notes: Sequence[tuple[str, str]]

    def throughputs(self) -> dict[str, float | None]:
        """Requests per second within the limit, by policy."""
        policies = dict.fromkeys(row.policy for row in self.rows)
        return {policy: rate_within(self.rows, policy, self.limit_s) for policy in policies}

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "limit_s": self.limit_s,
            "requests_per_s_within_limit": self.throughputs(),
            "notes": dict(self.notes),
        }


def render_page(what_if: WhatIf) -> str:
    """The page: a table for each load, throughputs, pictures."""
    rows = what_if.rows
    loads = list(dict.fromkeys(row.load for row in rows))
    return page_template("serving_sim.what_if").render(
        palette=PALETTE,
        notes=what_if.notes,
        limit=f"{what_if.limit_s:.3g}",
        throughputs=[(name, _rate(rate)) for name, rate in what_if.throughputs().items()],
        columns=[title for title, _ in COLUMNS],
        tables=[(f"{load:g}", [_cells(row, rows) for row in rows if row.load == load])
                for load in loads],
        pictures=_pictures(rows, loads),
    )  # fmt: skip


def _cells(row: PolicyAtLoad, rows: Sequence[PolicyAtLoad]) -> tuple[str, str, list[str]]:
    first = next(one for one in rows if one.load == row.load)
    gain = 1 - row.mean_jct_s.mean / first.mean_jct_s.mean
    shown_gain = "–" if row is first else f"{-gain:+.0%}".replace("%", " %")
    return row.policy, shown_gain, [_interval(getattr(row, name)) for _, name in COLUMNS]


def _interval(value: Interval) -> str:
    half = value.high - value.mean
    return f"{value.mean:.3g} ± {half:.2g}" if half else f"{value.mean:.3g}"


def _rate(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:.3g}"


def _pictures(rows: Sequence[PolicyAtLoad], loads: Sequence[float]) -> list[tuple[str, str]]:
    heaviest = max(loads)
    drawn = [
        ("mean", "Mean completion time by load",
         draw_by_load(rows, lambda row: row.mean_jct_s, "mean completion time (s)")),
        ("p99", "99th percentile of the completion times by load",
         draw_by_load(rows, lambda row: row.p99_jct_s, "p99 completion time (s)")),
        ("wait", "Longest wait for a first token by load",
         draw_by_load(rows, lambda row: row.max_wait_s, "longest wait (s)")),
        ("short", "Mean completion time of the shorter half by load",
         draw_by_load(rows, lambda row: row.short_jct_s, "mean completion time (s)")),
        ("long", "Mean completion time of the longest fifth by load",
         draw_by_load(rows, lambda row: row.long_jct_s, "mean completion time (s)")),
        ("curves", f"Completion times at load {heaviest:g}", draw_curves(rows, heaviest)),
    ]  # fmt: skip
    return [(title, svg_of(figure, name, title)) for name, title, figure in drawn]
