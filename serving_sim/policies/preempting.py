"""A rule's queue, and a decision on who is preempted: what the vLLM scheduler class does."""

import math
from collections.abc import Sequence

from lengthwise.scheduling.preemption import PreemptionRule, ScheduledJob
from lengthwise.scheduling.rule import PriorityRule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.policy import RunningView
from serving_sim.policies.rule_policy import RulePolicy


class PreemptingPolicy(RulePolicy):
    """Preempts as the scheduler class does: the same rule for the queue, the same for the running.

    Args:
        rule: Gives each request its key as it arrives.
        preemption: Decides which running requests are preempted for which waiting ones.
        service_time: What a predicted length amounts to.
        review_s: How often that is decided while requests wait and nothing happens.
        name: Its name in the results; the rule's with "-preempting" unless given.
    """

    preemptive = True

    def __init__(
        self,
        rule: PriorityRule,
        preemption: PreemptionRule,
        service_time: ServiceTimeModel,
        *,
        review_s: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(rule, service_time, f"{rule.name}-preempting" if name is None else name)
        self._preemption = preemption
        self._review_s = review_s

    def to_preempt(self, view: RunningView, now_s: float) -> Sequence[Job]:
        """Whom the rule preempts, with all slots taken or too little memory for the first."""
        head = self.head(now_s)
        if head is None:
            return ()
        wanted = view.wanted_blocks(head) - view.free_blocks
        if view.free_slots and wanted < 1:
            return ()
        running = {str(job.index): job for job in view.running}
        seen = [self._seen(job, view.generated_tokens(job)) for job in view.running]
        waiting = [self._seen(job, job.generated_tokens) for job in self.waiting()]
        if not view.free_slots:
            decided = self._preemption.decide(seen, waiting, now_s)
            return [running[preemption.victim.request_id] for preemption in decided]
        held = {name: view.held_blocks(job) for name, job in running.items()}
        out = self._preemption.make_room(seen, waiting, held=held, wanted=int(wanted), now_s=now_s)
        return [running[victim.request_id] for victim in out]

    @staticmethod
    def _seen(job: Job, generated_tokens: int) -> ScheduledJob:
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

    def review_s(self, now_s: float) -> float:
        """Expectations of the running change as they go on."""
        return now_s + self._review_s if len(self) else math.inf
