"""Shortest first with aging."""

from scheduler_client.priorities import aged_key
from scheduler_client.rules.job import FinishedJob, QueuedJob


class AgedRule:
    """The key is arrival + weight * predicted service time.

    Args:
        weight: 0 is first come first served; the larger, the nearer to shortest first.

    Raises:
        ValueError: If the weight is negative, infinite or not a number.
    """

    name = "aged"

    def __init__(self, weight: float = 16.0) -> None:
        aged_key(0.0, 0.0, weight)  # refuses what is no weight now rather than at a request
        self._weight = weight

    def key(self, job: QueuedJob) -> int:
        """Arrival and weighted service time, in microseconds."""
        return aged_key(job.arrival_s, job.service_time_s, self._weight)

    def provisional_key(self, job: QueuedJob) -> int:
        """As `key`, which learns nothing."""
        return self.key(job)

    def finished(self, job: FinishedJob) -> None:
        """Nothing is learnt."""
