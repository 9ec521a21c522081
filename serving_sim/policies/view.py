"""What a preemptive policy sees of the engine."""

from collections.abc import KeysView
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
