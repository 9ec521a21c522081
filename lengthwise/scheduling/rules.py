"""The priority rules that keep no meter of the queue: first come, shortest first, and between."""

from lengthwise.scheduling.checks import checked_not_negative
from lengthwise.scheduling.gittins import gittins_rank
from lengthwise.scheduling.keys import aged_key, shortest_first_key
from lengthwise.scheduling.recent_values import RecentValues
from lengthwise.scheduling.rule import PriorityRule, QueuedJob


class FcfsRule(PriorityRule):
    """The key is the arrival: predictions are made and counted, but change nothing."""

    name = "off"

    def key(self, job: QueuedJob) -> int:
        """The arrival, in microseconds."""
        return aged_key(job.arrival_s, 0.0)


class ShortestRule(PriorityRule):
    """The key is the predicted service time.

    The best of the static rules for the mean, and the worst for the tail: a long job waits for as
    long as shorter ones keep coming.
    """

    name = "shortest"

    def key(self, job: QueuedJob) -> int:
        """The predicted service time, in microseconds."""
        return shortest_first_key(job.service_time_s)


class AgedRule(PriorityRule):
    """The key is arrival + weight * predicted service time.

    Args:
        weight: 0 is first come first served; the larger, the nearer to shortest first.

    Raises:
        ValueError: If the weight is negative, infinite or not a number.
    """

    name = "aged"

    def __init__(self, weight: float = 16.0) -> None:
        self._weight = checked_not_negative(weight, "weight")

    def key(self, job: QueuedJob) -> int:
        """Arrival and weighted service time, in microseconds."""
        return aged_key(job.arrival_s, job.service_time_s, self._weight)


class CappedRule(PriorityRule):
    """The key is arrival - weight * (cap - min(predicted service time, cap)).

    That is the order of arrival + weight * min(predicted service time, cap), but a cap that follows
    the lengths does not move the long ones. Whatever is longer than the cap is long: no later short
    job overtakes it by more than weight * cap, and no other long one at all.

    Args:
        quantile: The cap is this quantile, in (0, 1], of the predicted service times of late.
        weight: Seconds of head start per second under the cap, at least 0; the larger, the nearer
            to shortest first.

    Raises:
        ValueError: If an option is out of range.
    """

    name = "capped"

    def __init__(self, quantile: float = 0.8, weight: float = 16.0) -> None:
        if not 0 < quantile <= 1:
            raise ValueError(f"quantile is {quantile}: expected a level in (0, 1]")
        self._quantile = quantile
        self._weight = checked_not_negative(weight, "weight")
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


class GittinsRule(PriorityRule):
    """The key is the Gittins rank as a time: that of the predicted length, in proportion."""

    name = "gittins"
    needs_distribution = True

    def key(self, job: QueuedJob) -> int:
        """The rank at arrival, in microseconds."""
        if job.distribution is None or not job.predicted_tokens:
            return shortest_first_key(job.service_time_s)
        share = gittins_rank(job.distribution) / job.predicted_tokens
        return shortest_first_key(job.service_time_s * share)
