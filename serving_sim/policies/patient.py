"""Ranked policies under which nobody waits for ever."""

from abc import abstractmethod

from serving_sim.job import Job
from serving_sim.policies.patience import Patience
from serving_sim.policies.ranked import RankedPolicy


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
