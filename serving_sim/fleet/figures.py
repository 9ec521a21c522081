"""A comparison's figures, one row for each policy, as both the terminal and the page show them."""

from collections.abc import Sequence

import numpy as np

from serving_sim.fleet.result import FleetSummary

SHARES = (
    ("inter.", "interactive_attainment"),
    ("longest", "longest_attainment"),
    ("batch", "batch_attainment"),
)
"""Titles and names of what is shown in percent."""

NUMBERS = (
    ("hours", "instance_hours"),
    ("good/h", "good_per_instance_hour"),
    ("p99 TTFT", "p99_ttft_s"),
    ("most", "most_instances"),
    ("actions", "actions"),
)
"""Titles and names of the other figures."""

TITLES = tuple(title for title, _ in (*SHARES, *NUMBERS))
"""Of the columns, in the order of `cells`."""


def medians(rows: Sequence[FleetSummary], policy: str, name: str) -> float:
    """The median over the seeds of one policy's figure."""
    return float(np.median([getattr(row, name) for row in rows if row.policy == policy]))


def cells(rows: Sequence[FleetSummary]) -> list[tuple[str, list[str]]]:
    """Each policy with its figures as text, in the order of TITLES."""
    shown: list[tuple[str, list[str]]] = []
    for policy in dict.fromkeys(row.policy for row in rows):
        shares = [f"{medians(rows, policy, name):.1%}" for _, name in SHARES]
        numbers = [_number(medians(rows, policy, name)) for _, name in NUMBERS]
        shown.append((policy, shares + numbers))
    return shown


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
