"""Policies by what remains of a request: shortest first, and its likes for unknown lengths."""

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.gittins import gittins_rank
from lengthwise.scheduling.recent_values import RecentValues
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.ranked import RankedPolicy


def expected_remaining_tokens(job: Job, generated_tokens: int) -> float:
    """Tokens expected to come after so many.

    With a distribution, the mean of what remains of it; without one, the prediction less what has
    come, and of a request that outlived its prediction as much again as it has generated.
    """
    if job.distribution is not None:
        return job.distribution.remaining(generated_tokens).mean()
    left = job.predicted_tokens - generated_tokens
    return left if left > 0 else float(max(1, generated_tokens))


def remaining_time_s(service_time: ServiceTimeModel, job: Job, left_tokens: float) -> float:
    """What is left of ALISE's T = s*T0 + n*(alpha*s + beta), of which a prompt in memory is done.

    Args:
        service_time: The rates T0, alpha and beta.
        job: Waiting or running; with cached tokens its prompt counts as computed.
        left_tokens: Output tokens still to come, at least 0.
    """
    whole_s = service_time.service_time_s(left_tokens, job.input_tokens)
    if not job.cached_tokens:
        return whole_s
    return whole_s - job.input_tokens * service_time.prefill_s_per_input_token


MAX_DISTRIBUTIONS = 1024
"""Distributions whose ranks are kept after their request has gone: some megabytes at most."""


class SrptPolicy(RankedPolicy):
    """Fewest predicted tokens to go first; what remains is estimated again as tokens come."""

    name = "srpt"

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Tokens expected to come."""
        return expected_remaining_tokens(job, generated_tokens)


class GittinsPolicy(RankedPolicy):
    """Smallest Gittins rank first, computed again as tokens come (Gittins 1989).

    Ranks of the same distribution at the same number of tokens are computed once. Without a
    distribution it ranks by what remains of the prediction.
    """

    name = "gittins"

    def __init__(
        self, *, margin: float = 0.0, max_preemptions: int | None = None, review_tokens: int = 16
    ) -> None:
        super().__init__(
            margin=margin, max_preemptions=max_preemptions, review_tokens=review_tokens
        )
        self._known: dict[int, tuple[LengthDistribution, dict[int, float]]] = {}

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Tokens per completion, at the best moment to stop."""
        distribution = job.distribution
        if distribution is None:
            return max(1.0, job.predicted_tokens - generated_tokens)
        # By identity, which the entry itself keeps from being given to another.
        ranks = self._known.setdefault(id(distribution), (distribution, {}))[1]
        if generated_tokens not in ranks:
            ranks[generated_tokens] = gittins_rank(distribution, generated_tokens)
        return ranks[generated_tokens]

    def finished(self, job: Job) -> None:
        """Forget ranks that were this request's alone, so that memory stays bounded."""
        if len(self._known) > MAX_DISTRIBUTIONS:
            self._known.pop(id(job.distribution), None)


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
