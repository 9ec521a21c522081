"""Repeated measurements: their middle, their range, and ratios taken pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """What repeats of one measurement gave.

    Args:
        median: The middle of the repeats, in the unit of what was measured.
        lowest: The least of the repeats.
        highest: The greatest of the repeats.
    """

    median: float
    lowest: float
    highest: float

    @classmethod
    def from_values(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value.

        Raises:
            ValueError: There is none.
        """
        if not values:
            raise ValueError("no values: expected at least one repeat")
        return cls(median(values), min(values), max(values))

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return {"median": self.median, "min": self.lowest, "max": self.highest}


def ratio_spread(over: Sequence[float], under: Sequence[float]) -> Spread:
    """The spread of ratios of values measured side by side.

    A machine that others use is slower in one minute than in the next; what is measured in the
    same seconds shares that, so that the ratio holds where neither value does.

    Raises:
        ValueError: There are not as many of one as of the other.
    """
    if len(over) != len(under):
        raise ValueError(f"{len(over)} values over {len(under)}: expected pairs")
    return Spread.from_values([a / b for a, b in zip(over, under, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values stay at or under, linear between neighbours.

    Args:
        values: At least one, in any order.
        share: Of the values, in [0, 1]: 0.99 for p99.

    Raises:
        ValueError: There are no values, or the share is out of range.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"{len(values)} values at {share}: expected some, and a share in [0, 1]")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
