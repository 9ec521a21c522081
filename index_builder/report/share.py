"""How far a share seen on few rows may lie from the true one."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from lengthwise.index.arrays import BoolVector

Z_95 = 1.959964
"""Standard normal quantile at 97.5 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of rows with its 95 % interval, all in [0, 1]."""

    value: float
    low: float
    high: float
    rows: int

    @classmethod
    def of(cls, hits: BoolVector) -> "Share":
        """The share of rows that hit, of at least one row.

        The interval is Wilson's score interval (1927): unlike the normal one it is of use near 0
        and 1 and for few rows.
        """
        rows = len(hits)
        value = float(np.mean(hits))
        spread = Z_95**2 / rows
        middle = (value + spread / 2) / (1 + spread)
        half = Z_95 * sqrt(value * (1 - value) / rows + spread / (4 * rows)) / (1 + spread)
        return cls(value, max(0.0, middle - half), min(1.0, middle + half), rows)


def error_bars(shares: list[Share]) -> tuple[list[float], list[float]]:
    """Lengths of the bars under and over each share, as matplotlib takes them."""
    # Rounding may put an end on the wrong side of a share of exactly 0 or 1.
    below = [max(0.0, s.value - s.low) for s in shares]
    above = [max(0.0, s.high - s.value) for s in shares]
    return below, above
