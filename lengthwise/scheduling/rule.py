"""What every priority rule does, and what it is told: a request that came, and one that ended."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.checks import checked_finite, checked_not_negative


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A request as it arrives.

    Args:
        arrival_s: When it came, in seconds on any clock that the queue's keys share.
        input_tokens: Tokens of its prompt, at least 0.
        predicted_tokens: Tokens of its answer: the mean of the prediction, or what is typical of
            its LLM.
        service_time_s: What the prediction amounts to in seconds, from a ServiceTimeModel.
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
        if not (
            -inf < self.arrival_s < inf
            and 0 <= self.input_tokens < inf
            and 0 <= self.predicted_tokens < inf
            and 0 <= self.service_time_s < inf
        ):
            self._refuse()

    def _refuse(self) -> None:
        """Say which number it is."""
        checked_finite(self.arrival_s, "arrival_s", "seconds")
        for name in ("input_tokens", "predicted_tokens", "service_time_s"):
            checked_not_negative(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A request that ended.

    Args:
        arrival_s: When it came, on the clock of its QueuedJob.
        queued_s: Seconds from its arrival until it first ran.
        service_s: Seconds from then until it ended.
        input_tokens: Tokens of its prompt, at least 0.
        output_tokens: Tokens of its answer, as far as it came.
        censored: A limit or an abort cut the answer off: it would have been longer. One that was
            aborted before it ran has a service_s of 0.
        batch_size: Requests that ran as it ended, itself included; 0 where nobody knows.

    Raises:
        ValueError: If the arrival is not finite, or another number is negative or not finite.
    """

    arrival_s: float
    queued_s: float
    service_s: float
    input_tokens: int
    output_tokens: int
    censored: bool = False
    batch_size: int = 0

    def __post_init__(self) -> None:
        if not (
            -inf < self.arrival_s < inf
            and 0 <= self.queued_s < inf
            and 0 <= self.service_s < inf
            and 0 <= self.input_tokens < inf
            and 0 <= self.output_tokens < inf
        ):
            self._refuse()

    def _refuse(self) -> None:
        """Say which number it is."""
        checked_finite(self.arrival_s, "arrival_s", "seconds")
        for name in ("queued_s", "service_s", "input_tokens", "output_tokens"):
            checked_not_negative(getattr(self, name), name)


class PriorityRule(ABC):
    """Gives each request its place in a queue; may learn from what comes and what ends.

    A rule holds no clock and does no I/O: the vLLM plugin and the simulator run the same one. It is
    called by one thread at a time. Its options are the arguments of its constructor.
    """

    name: ClassVar[str]
    """By which it is chosen."""

    needs_distribution: ClassVar[bool] = False
    """Whether `key` reads a job's distribution: where not, nobody need make one."""

    @abstractmethod
    def key(self, job: QueuedJob) -> int:
        """The place of a request: lower goes first.

        Called once per request, when its length is known: as it arrives, or once it is predicted.

        Returns:
            Microseconds, within int64.
        """

    def provisional_key(self, job: QueuedJob) -> int:
        """The place of a request until its length is known; nothing is learnt from it.

        Unless a rule says otherwise it is that of `key`, for rules whose `key` learns nothing.

        Args:
            job: With what is typical of its LLM for a length.

        Returns:
            Microseconds, within int64, comparable with those of `key`.
        """
        return self.key(job)

    def finished(self, job: FinishedJob) -> None:  # noqa: B027  most rules learn nothing
        """Learn from a request that ended."""
