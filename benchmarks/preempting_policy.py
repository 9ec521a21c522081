"""A rule's queue with preemption, as the scheduler class for vLLM decides it."""

from collections.abc import Sequence

from scheduler_client.rules import PreemptionRule, ScheduledJob
from scheduler_client.rules.rule import PriorityRule
from scheduler_client.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.rule_policy import RulePolicy
from serving_sim.policies.view import RunningView

REVIEWS_PER_SERVICE = 3


class PreemptingPolicy(RulePolicy):
    """Serves by a rule's keys, and lets the first of the queue replace who has much more to go.

    Args:
        rule: Gives the keys.
        service_time: What a predicted length amounts to.
        preemption: Decides.
        mean_tokens: Typical length, for how often to decide again while some wait.
    """

    preemptive = True

    def __init__(
        self,
        rule: PriorityRule,
        service_time: ServiceTimeModel,
        preemption: PreemptionRule,
        mean_tokens: float,
    ) -> None:
        super().__init__(rule, service_time, f"{rule.name} + preemption")
        self._preemption = preemption
        self._review_steps = max(1, round(mean_tokens / REVIEWS_PER_SERVICE))
        self._scheduled: dict[Job, ScheduledJob] = {}

    def put_back(self, job: Job, now_s: float) -> None:
        """It keeps its key, and what it has generated counts."""
        super().put_back(job, now_s)
        self._scheduled[job] = _scheduled(job, job.generated_tokens)

    def take(self, now_s: float) -> Job:
        """The lowest key."""
        job = super().take(now_s)
        del self._scheduled[job]
        return job

    def displaced(self, view: RunningView, now_s: float) -> Sequence[Job]:
        """Whom the preemption rule takes off; the waiting it favours are first in the queue."""
        if view.free_slots or not self._scheduled:
            return ()
        running = {str(job.index): job for job in view.running}
        scheduled = [_scheduled(job, view.generated_tokens(job)) for job in running.values()]
        made = self._preemption.decide(scheduled, list(self._scheduled.values()), now_s)
        return [running[one.victim.request_id] for one in made]

    def review_steps(self, view: RunningView) -> int | None:
        """A third of a typical length, while some wait."""
        del view
        return self._review_steps if self._scheduled else None


def _scheduled(job: Job, generated_tokens: int) -> ScheduledJob:
    return ScheduledJob(
        request_id=str(job.index),
        key=job.key,
        arrival_s=job.arrival_s,
        input_tokens=job.input_tokens,
        generated_tokens=generated_tokens,
        predicted_tokens=job.predicted_tokens,
        distribution=job.distribution,
        preemptions=job.preemptions,
    )
