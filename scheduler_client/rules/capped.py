"""Shortest first among the short, first come first served among the long."""

from scheduler_client.priorities import aged_key
from scheduler_client.rules.job import FinishedJob, QueuedJob
from scheduler_client.rules.recent_values import RecentValues


class CappedRule:
    """The key is arrival - weight * (cap - min(predicted service time, cap)).

    That is the order of arrival + weight * min(predicted service time, cap), but a cap that follows
    the lengths does not move the long ones. Whatever is longer than the cap is long: no later short
    job overtakes it by more than weight * cap, and no other long one at all.

    Args:
        quantile: Of the predicted service times of late: the cap.
        weight: The larger, the nearer to shortest first.

    Raises:
        ValueError: If an option is out of range.
    """

    name = "capped"

    def __init__(self, quantile: float = 0.8, weight: float = 16.0) -> None:
        if not 0 < quantile <= 1:
            raise ValueError(f"quantile is {quantile}: expected a level in (0, 1]")
        aged_key(0.0, 0.0, weight)
        self._quantile = quantile
        self._weight = weight
        self._times_s = RecentValues()

    def key(self, job: QueuedJob) -> int:
        """Arrival less the weighted time under the cap, in microseconds."""
        self._times_s.add(job.service_time_s)
        return self.provisional_key(job)

    def provisional_key(self, job: QueuedJob) -> int:
        """The same by the cap as it is; the arrival while there is none."""
        if not len(self._times_s):
            return aged_key(job.arrival_s, 0.0)
        under_s = max(0.0, self._times_s.quantile(self._quantile) - job.service_time_s)
        return aged_key(job.arrival_s - self._weight * under_s, 0.0)

    def finished(self, job: FinishedJob) -> None:
        """Nothing is learnt."""
