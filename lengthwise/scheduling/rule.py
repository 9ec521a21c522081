"""What every priority rule does."""

from typing import Protocol

from lengthwise.scheduling.job import FinishedJob, QueuedJob


class PriorityRule(Protocol):
    """Gives each request its place in a queue; may learn from what comes and what ends.

    A rule holds no clock and does no I/O: the vLLM plugin and the simulator run the same one. It is
    called by one thread at a time.
    """

    name: str
    """By which it is chosen."""

    def key(self, job: QueuedJob) -> int:
        """The place of a request: lower goes first.

        Called once per request, when its length is known: as it arrives, or once it is predicted.

        Returns:
            Microseconds, within int64.
        """
        ...

    def provisional_key(self, job: QueuedJob) -> int:
        """The place of a request until its length is known; nothing is learnt from it.

        Args:
            job: With what is typical of its LLM for a length.

        Returns:
            Microseconds, within int64, comparable with those of `key`.
        """
        ...

    def finished(self, job: FinishedJob) -> None:
        """Learn from a request that ended."""
        ...
