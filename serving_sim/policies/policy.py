"""What every policy does, and what it sees of the engine."""

import math
from abc import ABC, abstractmethod
from collections.abc import KeysView, Sequence
from typing import Protocol

from serving_sim.job import Job


class RunningView(Protocol):
    """What runs, and how much room there is."""

    @property
    def running(self) -> KeysView[Job]:
        """In the order in which they were admitted."""
        ...

    @property
    def free_slots(self) -> int:
        """Requests that could run beside these."""
        ...

    @property
    def free_blocks(self) -> int:
        """Memory that no running request holds."""
        ...

    def generated_tokens(self, job: Job) -> int:
        """How many tokens a running request has generated so far."""
        ...

    def held_blocks(self, job: Job) -> int:
        """Memory that a running request holds."""
        ...

    def wanted_blocks(self, job: Job) -> int:
        """Memory that a waiting request needs to be admitted."""
        ...


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
    def requeue(self, job: Job, now_s: float) -> None:
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
            view: The engine; at least one request runs.
        """

    def eviction_victim(self, resident: KeysView[Job], view: RunningView, now_s: float) -> Job:
        """Which of the preempted that still hold memory is to give it up.

        Args:
            resident: At least one, in the order in which they were preempted; all wait.
            view: The requests that run; those of `resident` are not among them.
            now_s: The present, in virtual time.
        """
        del view, now_s
        return list(resident)[-1]

    def finished(self, job: Job) -> None:
        """Learn from a request that completed."""
        del job

    def to_preempt(self, view: RunningView, now_s: float) -> Sequence[Job]:
        """Running requests to take off at once, so that waiting ones may run.

        Args:
            view: The requests that run, and how much room there is beside them.
            now_s: The present, in virtual time.
        """
        del view, now_s
        return ()

    def review_steps(self, view: RunningView) -> int | None:
        """Decode steps after which `to_preempt` is to be asked again even if nothing happens.

        Returns:
            At least 1; None if only arrivals and completions matter.
        """
        del view
        return None

    def review_s(self, now_s: float) -> float:
        """When the order of the waiting next changes by itself; infinity if it does not."""
        del now_s
        return math.inf
