"""Least squares that runs along with its data: robust, non-negative, and forgetting."""

import math
from collections.abc import Sequence

HUBER_SPREADS = 2.0
"""An error of more spreads than this pulls no harder than one of just as many (Huber 1964)."""

_SPREAD_MEMORY = 50
"""Observations that the spread of relative errors looks back on."""

_SPREAD_FLOOR = 0.02
"""Least spread, relative: after a run without errors one of 4 % is not yet an outlier."""

_START_SPREAD = 1.0
"""The spread before any observation, relative: the start may be wrong by as much as itself."""

_SETTLING = 32
"""Observations in which the start may still be far too small to hold errors against."""

_SWEEPS = 10
"""Over all rates after an observation, at most: what has not settled goes on at the next one."""

_STILL = 1e-3
"""Relative change of a rate that counts as none, which ends the sweeps."""

_TINY = 1e-12
"""Keeps the change of a rate that was and stays 0 from being 0 / 0."""


class RunningLeastSquares:
    """Fits y = sum of rate * feature, all rates at least 0, to observations as they come.

    Errors count in proportion to what was expected, as those of times do: a request that takes ten
    times as long is off by ten times as much. It keeps sums, not observations: time and memory per
    observation are constant. Not thread-safe.

    Args:
        start: The rates before any observation.
        memory: Observations that it looks back on, in all but name.
        start_weights: Observations that the start of each rate counts as; forgotten like them. What
            a few observations leave open stays near a start that counts as many.
        floor: What y is taken for at least where an error is divided by it.
    """

    def __init__(
        self,
        start: Sequence[float],
        *,
        memory: int = 1_000,
        start_weights: Sequence[float],
        floor: float = 1e-3,
    ) -> None:
        size = range(len(start))
        self._start = tuple(start)
        self._rates = list(start)
        self._gram = [[0.0 for _ in size] for _ in size]
        self._moment = [0.0 for _ in size]
        self._keep = 1 - 1 / memory
        self._start_weights = list(start_weights)
        self._weight_of_all = 0.0
        self._floor = floor
        self._spread = _START_SPREAD
        self.observations = 0

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates as fitted so far."""
        return tuple(self._rates)

    def add(self, features: Sequence[float], y: float) -> None:
        """Learn from an observation; what is not finite, or negative, is left out."""
        if not all(math.isfinite(v) and v >= 0 for v in (*features, y)) or not any(features):
            return
        weight = self._weight(sum(r * x for r, x in zip(self._rates, features, strict=True)), y)
        self.observations += 1
        self._start_weights = [weight * self._keep for weight in self._start_weights]
        self._weight_of_all = self._keep * self._weight_of_all + 1
        for i, x in enumerate(features):
            self._moment[i] = self._keep * self._moment[i] + weight * x * y
            for j, z in enumerate(features):
                self._gram[i][j] = self._keep * self._gram[i][j] + weight * x * z
        self._solve()

    def _weight(self, expected: float, y: float) -> float:
        """How hard an observation pulls; the spread of errors is learnt on the way."""
        reference = max(expected, self._floor)
        if self.observations < _SETTLING:  # a start that is far too small is no measure of errors
            reference = max(reference, y)
        error = abs(y - expected) / reference
        harmless = HUBER_SPREADS * self._spread
        self._spread += (min(error, 2 * harmless) - self._spread) / _SPREAD_MEMORY
        self._spread = max(self._spread, _SPREAD_FLOOR)
        return min(1.0, harmless / error if error else 1.0) / reference**2

    def _solve(self) -> None:
        """Coordinate descent from where the rates stand: what the data leave open stays there."""
        pulls = [weight / self._weight_of_all for weight in self._start_weights]
        for _ in range(_SWEEPS):
            moved = [self._settle(j, pull) for j, pull in enumerate(pulls)]
            if max(moved) < _STILL:
                break

    def _settle(self, j: int, pull: float) -> float:
        """Put one rate where the others want it; return by what share it moved."""
        row, rates = self._gram[j], self._rates
        if not row[j]:
            return 0.0
        others = sum(g * rate for g, rate in zip(row, rates, strict=True)) - row[j] * rates[j]
        aim = self._moment[j] - others + pull * row[j] * self._start[j]
        before, rates[j] = rates[j], max(0.0, aim / (row[j] * (1 + pull)))
        return abs(rates[j] - before) / max(rates[j], before, _TINY)
