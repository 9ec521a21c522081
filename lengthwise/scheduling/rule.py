"""What every priority rule does."""

from abc import ABC, abstractmethod
from typing import ClassVar

from lengthwise.scheduling.job import FinishedJob, QueuedJob


class PriorityRule(ABC):
    """Gives each request its place in a queue; may learn from what comes and what ends.

    A rule holds no clock and does no I/O: the vLLM plugin and the simulator run the same one. It is
    called by one thread at a time. Its options are the arguments of its constructor.
    """

    name: ClassVar[str]
    """By which it is chosen."""

    @abstractmethod
    def key(self, job: QueuedJob) -> int:
        """The place of a request: lower goes first.

        Called once per request, as it arrives.

        Returns:
            Microseconds, within int64.
        """

    def finished(self, job: FinishedJob) -> None:  # noqa: B027  most rules learn nothing
        """Learn from a request that ended."""
