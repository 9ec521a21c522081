"""One engine's own limit on its batch, after its backpressure: Chiron's local autoscaler.

Backpressure is the worse of two: the time between tokens over its SLO, and the throughput before
over the throughput now. Above 1 the batch shrinks, with room below it grows (Patke et al. 2025,
arXiv 2501.08090, section on local autoscaling).
"""

from dataclasses import dataclass

from autoscaler.core.checks import above, at_least
from autoscaler.errors import InvalidStateError

LARGEST_CHANGE = 2.0
"""Factor by which the limit shrinks or grows at most at once: one bad sample must not empty it."""


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """How the limit follows.

    Args:
        itl_slo_s: Seconds between two tokens, above 0.
        least: Requests that are always admitted, at least 1.
        most: The engine's own slots: the limit never exceeds them (Chiron's range ends at 4,096).
        weight: Of a new sample in the smoothed ones, in (0, 1].
        room: Backpressure below which the limit grows, in (0, 1).
    """

    itl_slo_s: float
    least: int = 1
    most: int = 256
    weight: float = 0.2
    room: float = 0.9

    def __post_init__(self) -> None:
        above(0, itl_slo_s=self.itl_slo_s, weight=self.weight, room=self.room)
        at_least(1, least=self.least)
        at_least(self.least, most=self.most)
        if self.weight > 1 or self.room >= 1:
            raise InvalidStateError(
                f"weight is {self.weight} and room {self.room}: expected a weight of at most 1 and "
                "a room below 1"
            )


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """The limit, and what it goes by.

    Args:
        value: Requests that may run at once; a fraction while it grows by less than one.
        itl_s: Smoothed seconds between tokens; 0 before the first sample.
        tokens_per_s: Smoothed throughput with a full batch; 0 before the first sample.
    """

    value: float
    itl_s: float = 0.0
    tokens_per_s: float = 0.0

    @property
    def requests(self) -> int:
        """Whole requests."""
        return int(self.value)


@dataclass(frozen=True, slots=True)
class StepSample:
    """What an engine did of late.

    Args:
        running: Requests in its batch, at least 0.
        itl_s: Mean seconds between two tokens of a request, above 0.
    """

    running: int
    itl_s: float

    def __post_init__(self) -> None:
        at_least(0, running=self.running)
        above(0, itl_s=self.itl_s)


def follow(limit: BatchLimit, sample: StepSample, options: LimitOptions) -> BatchLimit:
    """The limit after one more sample.

    The limit grows only while it is what holds requests back, and throughput counts only then: an
    engine with few requests has a low throughput for no fault of its own. When the limit moves, the
    smoothed time moves with it, as if it were in proportion: else samples from before would be
    answered again and again.

    Args:
        limit: The limit before the sample.
        sample: At least one request ran; an empty one changes nothing.
        options: The SLO that backpressure is measured by, the limit's range, and how fast it moves.
    """
    if not sample.running:
        return limit
    itl_s = _smoothed(limit.itl_s, sample.itl_s, options.weight)
    is_full = sample.running >= limit.requests
    pressure = itl_s / options.itl_slo_s
    tokens_per_s = limit.tokens_per_s
    if is_full:
        now_tokens_per_s = sample.running / sample.itl_s
        fallen = tokens_per_s / now_tokens_per_s
        if fallen > 1 / options.room:  # more than noise: the batch is larger than serves it
            pressure = max(pressure, fallen)
        tokens_per_s = _smoothed(tokens_per_s, now_tokens_per_s, options.weight)
    value = _moved(limit.value, pressure, options, may_grow=is_full)
    moved = value / limit.value
    # A smaller batch has a lower throughput for no fault of its own either.
    return BatchLimit(value, itl_s * moved, tokens_per_s * min(1.0, moved))


def _moved(value: float, pressure: float, options: LimitOptions, *, may_grow: bool) -> float:
    if pressure > 1:
        value = value / min(pressure, LARGEST_CHANGE)
    elif may_grow and pressure < options.room:
        # The nearer to the SLO, the smaller the step: half of the room at once.
        value *= min(LARGEST_CHANGE, 1 + (options.room / max(pressure, 1e-9) - 1) / 2)
    return min(float(options.most), max(float(options.least), value))


def _smoothed(before: float, now: float, weight: float) -> float:
    return before + weight * (now - before) if before else now
