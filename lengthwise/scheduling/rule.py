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
