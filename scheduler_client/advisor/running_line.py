"""A straight line that runs along with its data: robust, non-negative, and forgetting."""

import math

MEMORY = 1_000
"""Observations that it looks back on, in all but name."""

HUBER_SPREADS = 2.0
"""An error of more spreads than this pulls no harder than one of just as many (Huber 1964)."""

_SPREAD_MEMORY = 50
"""Observations that the spread of relative errors looks back on."""

_SPREAD_FLOOR = 0.02
"""Least spread, relative: after a run without errors one of 4 % is not yet an outlier."""

_START_SPREAD = 1.0
"""The spread before any observation, relative: the start may be wrong by as much as itself."""

_SETTLING = 32
"""Observations in which the line may still be far too low to hold errors against."""

_FLOOR = 1e-6
"""What y is taken for at least where an error is divided by it."""


class RunningLine:
    """Fits y = level + slope * x, both at least 0, to observations as they come.

    Errors count in proportion to what was expected, as those of times do: what takes ten times as
    long is off by ten times as much. It keeps sums, not observations. Not thread-safe.

    Args:
        level: Of y where x is 0, before any observation.
        slope: Before any observation; what these leave open stays near it.
        slope_weight: Observations that it counts as, more than 0.
    """

    def __init__(self, level: float, slope: float, *, slope_weight: float) -> None:
        self.level = level
        self.slope = slope
        self._start_slope = slope
        self._slope_weight = slope_weight
        self._spread = _START_SPREAD
        self._seen = 0
        self._count = 0.0
        """Observations, the older the less; each of the sums below has a weight on top."""
        self._weight = self._x = self._y = self._xx = self._xy = 0.0

    def add(self, x: float, y: float) -> None:
        """Learn from an observation; one without an x or a y that can be is left out."""
        if not (0 < x < math.inf and 0 <= y < math.inf):
            return
        weight = self._weight_of(self.level + self.slope * x, y)
        keep = 1 - 1 / MEMORY
        self._seen += 1
        self._count = keep * self._count + 1
        self._weight = keep * self._weight + weight
        self._x = keep * self._x + weight * x
        self._y = keep * self._y + weight * y
        self._xx = keep * self._xx + weight * x * x
        self._xy = keep * self._xy + weight * x * y
        self._solve()

    def _weight_of(self, expected: float, y: float) -> float:
        """How hard an observation pulls; the spread of errors is learnt on the way."""
        reference = max(expected, _FLOOR)
        if self._seen < _SETTLING:  # a line that is far too low is no measure of errors
            reference = max(reference, y)
        error = abs(y - expected) / reference
        harmless = HUBER_SPREADS * self._spread
        self._spread += (min(error, 2 * harmless) - self._spread) / _SPREAD_MEMORY
        self._spread = max(self._spread, _SPREAD_FLOOR)
        return min(1.0, harmless / error if error else 1.0) / reference**2

    def _solve(self) -> None:
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        # Where all x are alike the sums' rounding may leave it below 0.
        variance = max(0.0, self._xx / self._weight - mean_x**2)
        covariance = self._xy / self._weight - mean_x * mean_y
        pull = self._slope_weight * mean_x**2 / self._count
        slope = (covariance + pull * self._start_slope) / (variance + pull)
        self.slope = min(max(0.0, slope), mean_y / mean_x)  # beyond, the level would be negative
        self.level = max(0.0, mean_y - self.slope * mean_x)
