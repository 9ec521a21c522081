"""What every policy does."""

import math
from abc import ABC, abstractmethod
from collections.abc import KeysView, Sequence

from serving_sim.job import Job
from serving_sim.policies.view import RunningView


class Policy(ABC):
    """Holds the waiting requests, in its order.

    One object serves one simulation: it may learn as it goes.
    """

    name: str
    """By which it is chosen, and stands in the results."""

    preemptive: bool = False
    """It takes running requests off for waiting ones, not only when memory runs out."""

    @abstractmethod
    def add(self, job: Job, now_s: float) -> None:
        """A request arrives."""

    @abstractmethod
    def put_back(self, job: Job, now_s: float) -> None:
        """A running request was taken off and waits again."""

    @abstractmethod
    def head(self, now_s: float) -> Job | None:
        """The request that is to run next; None if none waits. Asking changes nothing."""

    @abstractmethod
    def take(self, now_s: float) -> Job:
        """Remove and return the head; there is one."""

    @abstractmethod
    def __len__(self) -> int:
        """Requests that wait."""

    @abstractmethod
    def victim(self, view: RunningView) -> Job:
        """The running request to take off where memory does not suffice for all.

        Args:
            view: At least one runs.
        """

    def put_out(self, resident: KeysView[Job], view: RunningView, now_s: float) -> Job:
        """Which of the preempted that still hold memory is to give it up.

        Args:
            resident: At least one, in the order in which they were preempted; all wait.
            view: What runs.
            now_s: Virtual time.
        """
        del view, now_s
        return list(resident)[-1]

    def finished(self, job: Job) -> None:
        """Learn from a request that completed."""
        del job

    def displaced(self, view: RunningView, now_s: float) -> Sequence[Job]:
        """Running requests to take off at once, so that waiting ones may run.

        Args:
            view: What runs, and how much room there is.
            now_s: Virtual time.
        """
        del view, now_s
        return ()

    def review_steps(self, view: RunningView) -> int | None:
        """Decode steps after which `displaced` is to be asked again even if nothing happens.

        Returns:
            At least 1; None if only arrivals and completions matter.
        """
        del view
        return None

    def review_s(self, now_s: float) -> float:
        """When the order of the waiting next changes by itself; infinity if it does not."""
        del now_s
        return math.inf
