"""How many instances interactive requests need, now and by the time that one could be started."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoscaler.core.checks import at_least
from lengthwise.length_distribution import END_SURVIVAL, LengthDistribution

RATE_WINDOW_S = 120.0
"""Seconds over which interactive arrivals are counted for a forecast: eight looks of 15 s."""

LATELY = 64
"""Latest interactive requests whose expected lengths stand for those to come."""


@dataclass(frozen=True, slots=True)
class OccupancyForecast:
    """Slots that are occupied at a time to come: a sum of independent yes-or-no's.

    Args:
        mean_slots: Expected number of occupied slots, at least 0.
        variance_slots2: Of the sum, in slots squared.
    """

    mean_slots: float
    variance_slots2: float

    def __post_init__(self) -> None:
        at_least(0, mean_slots=self.mean_slots, variance_slots2=self.variance_slots2)

    def __add__(self, other: "OccupancyForecast") -> "OccupancyForecast":
        return OccupancyForecast(
            self.mean_slots + other.mean_slots, self.variance_slots2 + other.variance_slots2
        )

    def upper_slots(self, deviations: float) -> float:
        """The mean and so many standard deviations."""
        return self.mean_slots + deviations * math.sqrt(self.variance_slots2)


@dataclass(frozen=True, slots=True)
class RunningLength:
    """A request that runs or waits.

    Args:
        length: Distribution of its length, as predicted when it came.
        generated_tokens: So far, at least 0.
    """

    length: LengthDistribution
    generated_tokens: float = 0.0

    def outlives(self, steps: float) -> float:
        """Probability that it still runs after so many more tokens, given that it runs now.

        One that outlived all of its prediction goes on as `LengthDistribution.remaining` says.
        """
        passed = self.length.level_of(self.generated_tokens)
        if passed >= 1 - END_SURVIVAL / 2:
            return 1 - self.length.remaining(self.generated_tokens).level_of(steps)
        return (1 - self.length.level_of(self.generated_tokens + steps)) / (1 - passed)


def occupancy_ahead(
    running: Iterable[RunningLength],
    arrivals_per_s: float,
    lately: Sequence[LengthDistribution],
    itl_s: float,
    horizon_s: float,
) -> OccupancyForecast:
    """Slots that will be occupied `horizon_s` from now, if requests go on coming as they do.

    Of those that run, P(remaining > horizon / ITL) stay. Of those that will come, the ones younger
    than their length stay: arrivals * integral of P(length * ITL > age), as in an M/G/infinity
    queue, whose number is Poisson.

    Args:
        running: Every request that runs or waits.
        arrivals_per_s: Interactive requests per second, at least 0.
        lately: Lengths of requests that came of late: those to come are like them, at least one.
        itl_s: Seconds between tokens, above 0.
        horizon_s: How far ahead, at least 0: a start-up.
    """
    at_least(0, arrivals_per_s=arrivals_per_s, horizon_s=horizon_s)
    steps = horizon_s / itl_s
    stay = [one.outlives(steps) for one in running]
    steps_each = math.fsum(restricted_mean(one, steps) for one in lately) / len(lately)
    coming = arrivals_per_s * itl_s * steps_each
    return OccupancyForecast(
        math.fsum(stay) + coming, math.fsum(p * (1 - p) for p in stay) + coming
    )


def occupancy_ahead_by_mean(
    running: int, arrivals_per_s: float, mean_tokens: float, itl_s: float, horizon_s: float
) -> OccupancyForecast:
    """The same with nothing known but a mean length: exponential, so that the past says nothing.

    Args:
        running: Requests that run or wait, at least 0.
        arrivals_per_s: Interactive requests per second, at least 0.
        mean_tokens: Mean length of an answer, above 0.
        itl_s: Seconds between tokens, above 0.
        horizon_s: How far ahead, at least 0.
    """
    at_least(0, running=running, arrivals_per_s=arrivals_per_s, horizon_s=horizon_s)
    stays = math.exp(-horizon_s / (itl_s * mean_tokens)) if mean_tokens else 0.0
    coming = arrivals_per_s * itl_s * mean_tokens * (1 - stays)
    return OccupancyForecast(running * stays + coming, running * stays * (1 - stays) + coming)


def restricted_mean(length: LengthDistribution, limit_tokens: float) -> float:
    """The mean of a length cut off at a limit: the integral of its survival up to there."""
    levels, tokens = length.levels, length.tokens
    area = min(limit_tokens, tokens[0])
    for place in range(1, len(tokens)):
        low, high = tokens[place - 1], min(tokens[place], limit_tokens)
        if high > low:
            survival = (1 - levels[place - 1]) + (1 - length.level_of(high))
            area += (high - low) * survival / 2
    return area


def interactive_backpressure(busy: int, instances: int) -> float:
    """Chiron's IBP: instances that run an interactive request, over interactive and mixed ones.

    Returns:
        In [0, 1]; infinity where none is there and a request asks.
    """
    if instances > 0:
        return min(1.0, busy / instances)
    return math.inf if busy else 0.0


def instances_by_backpressure(busy: int, instances: int, threshold: float, band: float) -> int:
    """Chiron's own rule: one more above the threshold's band, one fewer below it.

    Going down is checked at N - 1 first: a step down must not bring about the step up.

    Args:
        busy: Instances that run an interactive request.
        instances: Interactive and mixed ones, asked for ones included.
        threshold: Of IBP; the paper's is about 1/3.
        band: Half the width of the band in which nothing changes.
    """
    pressure = interactive_backpressure(busy, instances)
    if pressure > threshold + band:
        return max(instances + 1, math.ceil(busy / (threshold + band) - 1e-9))
    fewer = interactive_backpressure(busy, instances - 1)
    if pressure < threshold - band and fewer <= threshold + band:
        return max(0, instances - 1)
    return instances
