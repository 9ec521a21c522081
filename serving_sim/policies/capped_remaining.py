"""Arrival plus a multiple of what remains, up to a cap: preemptive, and aging by itself."""

from lengthwise.scheduling.recent_values import RecentValues
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.ranked import RankedPolicy
from serving_sim.policies.remaining_time import remaining_time_s
from serving_sim.policies.srpt import expected_remaining_tokens


class CappedRemainingPolicy(RankedPolicy):
    """Lowest `arrival + weight * min(cap, remaining service time)` first.

    What remains is estimated again as tokens come, for those that run and those put back. As the
    arrival is in the rank, one that waits is overtaken by ever fewer, with no clock in the queue.
    From the cap on, requests are first come first served among themselves, so that the longest do
    not wait for a day without traffic. The cap follows the predictions.

    Args:
        service_time: What a predicted length amounts to.
        weight: Seconds later that a request may come for each second that it is shorter.
        cap_quantile: Of the predicted service times of late, where the cap is.
        review_tokens: How often the running are ranked again.
    """

    name = "lengthwise-remaining"

    def __init__(
        self,
        service_time: ServiceTimeModel,
        *,
        weight: float = 32.0,
        cap_quantile: float = 0.85,
        review_tokens: int = 16,
    ) -> None:
        super().__init__(review_tokens=review_tokens)
        self._service_time = service_time
        self._weight = weight
        self._cap_quantile = cap_quantile
        self._times_s = RecentValues()

    def add(self, job: Job, now_s: float) -> None:
        """Its predicted time moves the cap, for itself and those that come after."""
        whole_s = self._service_time.service_time_s(job.predicted_tokens, job.input_tokens)
        self._times_s.add(whole_s)
        super().add(job, now_s)

    def rank(self, job: Job, generated_tokens: int) -> float:
        """In seconds."""
        left = expected_remaining_tokens(job, generated_tokens)
        left_s = remaining_time_s(self._service_time, job, left)
        cap_s = self._times_s.quantile(self._cap_quantile)
        return job.arrival_s + self._weight * min(left_s, cap_s)
