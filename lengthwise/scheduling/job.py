"""What a priority rule is told: a request that came, and one that ended."""

import math
from dataclasses import dataclass, fields

from lengthwise.length_distribution import LengthDistribution


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A request as it arrives.

    Args:
        arrival_s: When it came, in seconds on any clock that the queue's keys share.
        input_tokens: Tokens of its prompt.
        predicted_tokens: Of its answer: the mean of the prediction, or what is typical of its LLM.
        service_time_s: The time that the prediction amounts to, from a ServiceTimeModel.
        distribution: Of the answer's length; None where nothing was predicted.

    Raises:
        ValueError: If the arrival is not finite, or another number is negative or not finite.
    """

    arrival_s: float
    input_tokens: float
    predicted_tokens: float
    service_time_s: float
    distribution: LengthDistribution | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.arrival_s):
            raise ValueError(f"arrival_s is {self.arrival_s}: expected a finite number of seconds")
        for name in ("input_tokens", "predicted_tokens", "service_time_s"):
            checked_not_negative(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A request that ended.

    Args:
        arrival_s: When it came, on the clock of its QueuedJob.
        queued_s: From then until it first ran.
        service_s: From then until it ended.
        input_tokens: Tokens of its prompt.
        output_tokens: Tokens of its answer.
        censored: A limit or an abort cut the answer off: it would have been longer. One that was
            aborted before it ran has a service_s of 0.

    Raises:
        ValueError: If the arrival is not finite, or another number is negative or not finite.
    """

    arrival_s: float
    queued_s: float
    service_s: float
    input_tokens: int
    output_tokens: int
    censored: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.arrival_s):
            raise ValueError(f"arrival_s is {self.arrival_s}: expected a finite number of seconds")
        for field in fields(self)[1:]:
            checked_not_negative(getattr(self, field.name), field.name)


def checked_not_negative(value: float, name: str) -> float:
    """Return a finite number of at least 0.

    Raises:
        ValueError: If it is negative, infinite or not a number.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}: expected a finite number of at least 0")
    return value
