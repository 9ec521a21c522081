"""How the pictures look: colours, type, axes, and SVG that follows the page's light or dark."""

import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6470", "#dde2e8", "#ffffff"
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#a7b0ba"

PALETTE = {
    "ink": (INK, "#e7eaee"),
    "muted": (MUTED, "#a3adb9"),
    "grid": (GRID, "#353b44"),
    "paper": (PAPER, "#1b1f25"),
    "blue": (BLUE, "#56b4e9"),
    "orange": (ORANGE, "#f0935a"),
    "grey": (GREY, "#69737f"),
}
"""By name in the page's style sheet: on light and on dark. Blue and orange are told apart by the
colour-blind (Okabe and Ito 2008); the dark ones are lighter shades of them."""

WIDTH_IN, HEIGHT_IN = 5.4, 4.0
"""Small, so that type of ten points stays readable when a phone shrinks the picture."""

LOOK: dict[Any, Any] = {
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}

Drawn = ParamSpec("Drawn")


def styled(draw: Callable[Drawn, Figure]) -> Callable[Drawn, Figure]:
    """Draw with the house's look, whatever matplotlib is set to elsewhere in the process."""

    @functools.wraps(draw)
    def wrapped(*args: Drawn.args, **kwargs: Drawn.kwargs) -> Figure:
        with mpl.rc_context(LOOK):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(height_in: float = HEIGHT_IN) -> Figure:
    """An empty picture of the common width."""
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def svg_of(figure: Figure, name: str, label: str) -> str:
    """A picture as SVG to stand inside a page.

    Its text stays text, its colours are the page's variables, and its ids are its own, since
    several pictures share one page.

    Args:
        figure: What to write.
        name: Of the picture on its page: letters, digits and dashes.
        label: What a screen reader says of it; letters, digits and plain punctuation.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head) + f' role="img" aria-label="{label}">'
    rest = re.sub(r'\bid="', f'id="{name}-', rest)
    rest = re.sub(r'(url\(|href=")#', rf"\1#{name}-", rest)
    return head + _with_variables(rest)


def _with_variables(text: str) -> str:
    for name, (light, _) in PALETTE.items():
        text = text.replace(light, f"var(--{name})")
    return text


def tokens(value: float) -> str:
    """A number of tokens for people: 1,000 rather than 1e3."""
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.0f} %"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two positive ones: 1, 2 and 5 in each decade, or fewer if many."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in range(-1, 9) for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= 8:
            break
    return inside


def plain_log(axis: Axis, low: float, high: float) -> None:
    """A logarithmic axis (its scale is set already) with plain numbers at its ticks."""
    plain_ticks(axis, log_ticks(low, high), tokens)


def plain_ticks(axis: Axis, ticks: Sequence[float], form: Callable[[float], str]) -> None:
    """These ticks and no others."""
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))


def percent_ticks(axis: Axis, ticks: Sequence[float]) -> None:
    """Ticks at shares, labelled as percentages."""
    plain_ticks(axis, ticks, percent)


def coverage_axis(axis: Axis, low: float) -> None:
    """Percentages from a share to 100 %, at multiples of 5 % (of 10 % where that is many)."""
    step = 5 if low > 0.6 else 10
    percent_ticks(axis, [n / 100 for n in range(0, 101, step) if n / 100 >= low])


def only_horizontal_grid(axes: Axes) -> None:
    """For an x axis of names or places, whose grid says nothing."""
    axes.grid(visible=False, axis="x")
