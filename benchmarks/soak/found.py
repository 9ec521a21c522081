"""What the soak measures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.soak.load import SoakCounts


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of the run.

    Args:
        at_s: When it ended, from the start of the load.
        resident_mib: Memory that the service held at its end.
        p99_ms: Of the predictions in it.
        predicted: Predictions answered since the load began.
        errors: Calls that failed so far.
    """

    at_s: float
    resident_mib: float
    p99_ms: float
    predicted: int
    errors: int


def slope_mib_per_h(stretches: Sequence[Stretch], settled_s: float) -> float:
    """How fast memory grows, by least squares over what came after it had settled.

    Args:
        stretches: In order; at least two after `settled_s`.
        settled_s: From the start of the load; until then caches fill.
    """
    settled = [one for one in stretches if one.at_s >= settled_s]
    at_h = np.array([one.at_s / 3_600 for one in settled])
    resident_mib = np.array([one.resident_mib for one in settled])
    return float(np.polyfit(at_h, resident_mib, 1)[0])


def grown_mib(stretches: Sequence[Stretch], settled_s: float) -> float:
    """The mean of the last quarter over that of the first, of what came after it had settled."""
    settled = [one.resident_mib for one in stretches if one.at_s >= settled_s]
    quarter = max(1, len(settled) // 4)
    return float(np.mean(settled[-quarter:]) - np.mean(settled[:quarter]))


@dataclass(frozen=True, slots=True)
class SoakFindings:
    """What was measured.

    Args:
        capacity_per_s: Requests per second in a closed loop.
        rate_per_s: Requests per second that were offered.
        counts: What became of them, those for the capacity included.
        stretches: What was noted from time to time, in order.
        duration_s: How long the load lasted.
    """

    capacity_per_s: float
    rate_per_s: float
    counts: SoakCounts
    stretches: tuple[Stretch, ...]
    duration_s: float

    @property
    def settled_s(self) -> float:
        """Until then caches fill: a quarter of the run."""
        return self.duration_s / 4

    @property
    def slope_mib_per_h(self) -> float:
        """How fast memory grows once it has settled."""
        return slope_mib_per_h(self.stretches, self.settled_s)

    @property
    def grown_mib(self) -> float:
        """How much it has grown since then."""
        return grown_mib(self.stretches, self.settled_s)
