"""Who has waited too long, and ranked policies under which nobody waits for ever."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from heapq import heappop, heappush

from serving_sim.job import Job
from serving_sim.policies.ranked import RankedPolicy


class Patience:
    """Tells when a request has waited for a given time without a break.

    Args:
        patience_s: The time; infinity for ever.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: dict[Job, float] = {}
        self._ends: list[tuple[float, int, float, Job]] = []

    def begin(self, job: Job, now_s: float) -> None:
        """A request begins to wait, or begins anew."""
        self._since_s[job] = now_s
        if self._patience_s < math.inf:
            heappush(self._ends, (now_s + self._patience_s, job.index, now_s, job))

    def end(self, job: Job) -> None:
        """It waits no longer."""
        self._since_s.pop(job, None)

    def lost(self, now_s: float) -> Iterator[Job]:
        """Those that have waited so long by now, each once for each time that it began."""
        while self.next_s(-math.inf) <= now_s:
            yield heappop(self._ends)[3]

    def next_s(self, now_s: float) -> float:
        """When the next one has, after `now_s`; infinity for never."""
        while self._ends and not self._valid():
            heappop(self._ends)
        return max(self._ends[0][0], math.nextafter(now_s, math.inf)) if self._ends else math.inf

    def _valid(self) -> bool:
        _, _, since_s, job = self._ends[0]
        return self._since_s.get(job) == since_s


class PatientPolicy(RankedPolicy):
    """Raises a request that has waited for a given time without a break.

    Args:
        patience_s: The time; infinity for ever.
        margin: See RankedPolicy.
        review_tokens: See RankedPolicy.
    """

    def __init__(self, *, patience_s: float, margin: float = 0.0, review_tokens: int = 16) -> None:
        super().__init__(margin=margin, review_tokens=review_tokens)
        self.patience = Patience(patience_s)

    @abstractmethod
    def waited_too_long(self, job: Job, now_s: float) -> None:
        """Give a waiting request a better rank."""

    def add(self, job: Job, now_s: float) -> None:
        """It begins to wait."""
        super().add(job, now_s)
        self.patience.begin(job, now_s)

    def put_back(self, job: Job, now_s: float) -> None:
        """It begins to wait again."""
        super().put_back(job, now_s)
        self.patience.begin(job, now_s)

    def head(self, now_s: float) -> Job | None:
        """The lowest rank, once those that waited too long were raised."""
        for job in self.patience.lost(now_s):
            self.waited_too_long(job, now_s)
        return super().head(now_s)

    def take(self, now_s: float) -> Job:
        """It waits no longer."""
        job = super().take(now_s)
        self.patience.end(job)
        return job

    def review_s(self, now_s: float) -> float:
        """When the next one has waited too long."""
        return self.patience.next_s(now_s)
