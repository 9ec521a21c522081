"""Requests that have not come yet."""

import math
from collections.abc import Iterator

from serving_sim.job import Job


class ArrivalQueue:
    """Hands requests over as virtual time passes their arrivals.

    Args:
        jobs: Requests in the order of their arrival, made one by one as they are asked for.
    """

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._next = next(jobs, None)
        self.next_s = self._next.arrival_s if self._next else math.inf

    def until(self, now_s: float) -> Iterator[Job]:
        """Those that have come, each once."""
        while self.next_s <= now_s and self._next is not None:
            yield self._next
            self._next = next(self._jobs, None)
            self.next_s = self._next.arrival_s if self._next else math.inf
