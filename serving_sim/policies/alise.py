"""ALISE: queues by estimated execution time, aging, and swapping by estimated wait time."""

import math
from collections.abc import KeysView

from lengthwise.scheduling.service_time import ServiceTimeModel
from lengthwise.scheduling.swap_order import WaitingJob, estimated_waits_s, longest_wait
from serving_sim.job import Job
from serving_sim.policies.policy import RunningView
from serving_sim.policies.ranked import PatientPolicy
from serving_sim.policies.remaining import remaining_time_s

LEVEL = float(1 << 40)
"""Distance between the ranks of two queues."""


class AlisePolicy(PatientPolicy):
    """Preemptive priority queues over what is left of the estimated execution time.

    After Zhao and Wang (2024, arXiv 2410.23537): T = s*T0 + n*(alpha*s + beta). The first queue
    holds what is estimated to end within `level_s`, each further one twice as much. Within a queue
    it is first come first served, higher queues preempt lower ones, and waiting for `aging_s`
    moves a request up by one. With an engine that swaps lazily the preempted keep their memory
    until it is wanted; then the one with the longest estimated wait (EWT) goes: the time that those
    before it take, or until aging has moved it past them, if that is sooner. The paper gives no
    numbers for the queues and the aging: those here are ours.

    Args:
        service_time: The rates of T, of this LLM on this engine.
        level_s: Estimated execution time, in seconds, up to which a request is in the first queue.
        levels: Number of queues, at least 1; the last holds whatever is longer.
        aging_s: Time waited for one queue up; infinity for no aging.
        review_tokens: Tokens after which the estimate of a running request is made again.
    """

    name = "alise"

    def __init__(
        self,
        service_time: ServiceTimeModel,
        *,
        level_s: float = 1.0,
        levels: int = 8,
        aging_s: float = 20.0,
        review_tokens: int = 16,
    ) -> None:
        super().__init__(patience_s=aging_s, review_tokens=review_tokens)
        self._service_time = service_time
        self._level_s = level_s
        self._levels = levels
        self._aging_s = aging_s

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Its queue by what is left, less the queues that aging moved it up."""
        left_s = self.remaining_s(job, generated_tokens)
        level, holds_s = 0, self._level_s
        while left_s > holds_s and level < self._levels - 1:
            level, holds_s = level + 1, 2 * holds_s
        return max(0, level - job.level) * LEVEL + job.index

    def remaining_s(self, job: Job, generated_tokens: int) -> float:
        """Estimated execution time to go; one that outlived its estimate goes on as long again."""
        left = job.predicted_tokens - generated_tokens
        left = left if left > 0 else max(1, generated_tokens)
        return remaining_time_s(self._service_time, job, left)

    def may_preempt(self, waiting: Job, running_rank: float) -> bool:
        """Only from a higher queue."""
        return waiting.rank // LEVEL < running_rank // LEVEL

    def waited_too_long(self, job: Job, now_s: float) -> None:
        """Up by one queue; it goes on aging until it is in the highest."""
        job.level += 1
        if job.rank >= LEVEL:
            self.place(job, job.rank - LEVEL)
        if job.rank >= LEVEL:
            self.patience.begin(job, now_s)
        else:
            self.patience.end(job)

    def eviction_victim(self, resident: KeysView[Job], view: RunningView, now_s: float) -> Job:
        """The longest estimated wait time."""
        del now_s
        in_order = sorted(resident, key=lambda job: job.index)
        return longest_wait(in_order, self.estimated_waits_s(view))

    def estimated_waits_s(self, view: RunningView) -> dict[Job, float]:
        """EWT of all that wait: the work before each, over those that run at once, or aging."""
        running_s = [self.remaining_s(job, view.generated_tokens(job)) for job in view.running]
        queue = sorted(self.waiting(), key=lambda job: job.rank)
        return estimated_waits_s([(job, self._as_waiting(job)) for job in queue], running_s)

    def _as_waiting(self, job: Job) -> WaitingJob:
        to_top_s = (job.rank // LEVEL) * self._aging_s if job.rank >= LEVEL else 0.0
        return WaitingJob(self.remaining_s(job, job.generated_tokens), to_top_s or math.inf)
