"""One engine's own limit on its batch, after its backpressure: Chiron's local autoscaler.

Backpressure is the worse of two: the time between tokens over its SLO, and the throughput before
over the throughput now. Above 1 the batch shrinks, with room below it grows (Patke et al. 2025,
arXiv 2501.08090, section on local autoscaling).

What is divided by the backpressure is the batch that ran, not the limit: where requests end slowly,
a batch that is larger than its limit must not take the limit down again and again, and where few
requests are there, the limit must not stand far above what is known to keep the SLO. A step takes
so much, and so much more for each request: then this ends at the batch that just keeps the SLO, and
comes to it from one side, since half the batch has more than half of the time between tokens.

What is held is the mean over requests, and what is promised is each one's. How far below the SLO
the mean must stay hangs on how much they differ, and follows from those that end: each that missed
it takes the aim down, those that kept it bring it up, and one in twenty may miss it.
"""

import math
from dataclasses import dataclass, replace

LARGEST_CHANGE = 2.0
"""Factor by which the limit shrinks or grows at most at once: one bad span must not empty it."""

LEAST_FALL = 1.1
"""Throughput before over now that counts as a fall: below it, it is noise."""

MAY_MISS = 0.05
"""Share of the requests that may miss the SLO while the batch is held as large as it can be."""

AIM_STEP = 0.02
"""Of the SLO, that one request that missed takes the aim down by: with some requests a second it is
where it belongs within some of them, and one alone means little."""


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """How the limit follows.

    Args:
        itl_slo_s: Seconds between two tokens of a request, finite and above 0.
        least: Requests that are always admitted, at least 1.
        most: The engine's own slots, at least `least`; Chiron's range ends at 4,096.
        least_aim: Backpressure that the batch is held at where many miss the SLO, in (0, 1]: below
            it a smaller batch costs more than it helps, and what they miss it by has other causes.
        weight: Of a new span in what is known of the recent ones, in (0, 1].

    Raises:
        ValueError: If one is out of range; the message names it.
    """

    itl_slo_s: float
    least: int = 1
    most: int = 256
    least_aim: float = 0.7
    weight: float = 0.25

    def __post_init__(self) -> None:
        if not (math.isfinite(self.itl_slo_s) and self.itl_slo_s > 0):
            raise ValueError(f"itl_slo_s is {self.itl_slo_s}: expected a finite number above 0")
        if not 1 <= self.least <= self.most:
            raise ValueError(
                f"least is {self.least} and most {self.most}: expected at least 1, and most at "
                "least as much"
            )
        for name, value in (("least_aim", self.least_aim), ("weight", self.weight)):
            if not 0 < value <= 1:
                raise ValueError(f"{name} is {value}: expected a number above 0, at most 1")


@dataclass(frozen=True, slots=True)
class DecodeSpan:
    """What an engine did over a few steps in which requests got tokens.

    Args:
        seconds: That the steps took together, above 0.
        running_s: The sum over the requests in the batch of how long each was in it.
        waited_s: The sum over the requests that decoded of how long each waited for its tokens.
        tokens: That these requests got, above 0; the first of each answer is none of them.
    """

    seconds: float
    running_s: float
    waited_s: float
    tokens: float

    @property
    def running(self) -> float:
        """Mean number of requests in the batch."""
        return self.running_s / self.seconds

    @property
    def itl_s(self) -> float:
        """Mean seconds between two tokens of a request."""
        return self.waited_s / self.tokens

    @property
    def tokens_per_s(self) -> float:
        """Throughput of decoding."""
        return self.tokens / self.seconds

    def blended(self, newer: "DecodeSpan", weight: float) -> "DecodeSpan":
        """This and a newer one as one.

        The sums are blended and not their ratios: the long steps of prompts come between many short
        ones, and a mean of ratios would count them as rare as they are, not as long.
        """

        def mixed(old: float, new: float) -> float:
            return old + weight * (new - old)

        return DecodeSpan(
            mixed(self.seconds, newer.seconds),
            mixed(self.running_s, newer.running_s),
            mixed(self.waited_s, newer.waited_s),
            mixed(self.tokens, newer.tokens),
        )


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """The limit, and what it goes by.

    Args:
        value: Requests that may run at once; a fraction while it grows by less than one.
        recent: The spans until now as one, the latest counting most; None before the first.
        before: The same a few spans earlier.
        aim: Backpressure that the batch is held at, at most 1.
    """

    value: float
    recent: DecodeSpan | None = None
    before: DecodeSpan | None = None
    aim: float = 0.85

    @property
    def requests(self) -> int:
        """Whole requests, the nearest: rounded down, it would stop where the next is in reach."""
        return int(self.value + 0.5)


def follow(limit: BatchLimit, span: DecodeSpan, options: LimitOptions) -> BatchLimit:
    """The limit after one more span.

    Args:
        limit: What it was until now, with what it went by.
        span: What the engine did since then, with at least one token.
        options: The SLO that backpressure is measured by, the limit's range, and how fast it moves.
    """
    recent = span if limit.recent is None else limit.recent.blended(span, options.weight)
    before = limit.before or recent
    wanted = limit.aim * recent.running / backpressure(recent, before, options.itl_slo_s)
    value = max(limit.value / LARGEST_CHANGE, min(limit.value * LARGEST_CHANGE, wanted))
    value = max(float(options.least), min(float(options.most), value))
    return BatchLimit(value, recent, before.blended(recent, options.weight), limit.aim)


def judge(limit: BatchLimit, itl_s: float, options: LimitOptions) -> BatchLimit:
    """The limit after a request has ended; the next span moves its value.

    Args:
        limit: What it was until now, with what it went by.
        itl_s: Mean seconds between the tokens of that request, above 0.
        options: The SLO that it is held against, and how low the aim may go.
    """
    if itl_s > options.itl_slo_s:
        return replace(limit, aim=max(options.least_aim, limit.aim - AIM_STEP))
    return replace(limit, aim=min(1.0, limit.aim + AIM_STEP * MAY_MISS / (1 - MAY_MISS)))


def backpressure(recent: DecodeSpan, before: DecodeSpan, itl_slo_s: float) -> float:
    """Chiron's: the time between tokens over its SLO, or the fall of the throughput if it is worse.

    A smaller batch has a lower throughput for no fault of its own: then it counts for nothing.
    """
    pressure = recent.itl_s / itl_slo_s
    fallen = before.tokens_per_s / recent.tokens_per_s
    if recent.running >= before.running and fallen > LEAST_FALL:
        return max(pressure, fallen)
    return pressure
