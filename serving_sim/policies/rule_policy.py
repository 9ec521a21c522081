"""A queue in the order of a rule's keys, as vLLM's --scheduling-policy priority keeps it.

With a decision on who is preempted it does what the scheduler class for vLLM does.
"""

import math
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from lengthwise.scheduling.preemption import PreemptionRule, ScheduledJob
from lengthwise.scheduling.rule import FinishedJob, PriorityRule, QueuedJob
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.policy import Policy, RunningView


class RulePolicy(Policy):
    """Gives each request its key as it arrives and serves the lowest first.

    Ties go to whoever came first. Where memory runs out, the running request with the highest key
    makes room.

    Args:
        rule: Gives the keys; the vLLM plugin runs the same.
        service_time: What a predicted length amounts to.
        name: In the results; the rule's own unless given.
    """

    def __init__(
        self, rule: PriorityRule, service_time: ServiceTimeModel, name: str | None = None
    ) -> None:
        self.name = rule.name if name is None else name
        self._rule = rule
        self._service_time = service_time
        self._waiting: list[tuple[int, int, Job]] = []
        self._removed: set[Job] = set()

    def add(self, job: Job, now_s: float) -> None:
        """Ask the rule for the key."""
        predicted = job.predicted_tokens
        queued = QueuedJob(
            arrival_s=job.arrival_s,
            input_tokens=job.input_tokens,
            predicted_tokens=predicted,
            service_time_s=self._service_time.service_time_s(predicted, job.input_tokens),
            distribution=job.distribution,
        )
        job.key = self._rule.key(queued)
        self.requeue(job, now_s)

    def requeue(self, job: Job, now_s: float) -> None:
        """It keeps its key."""
        del now_s
        if job in self._removed:  # its entry is still there
            self._removed.discard(job)
        else:
            heappush(self._waiting, (job.key, job.index, job))

    def head(self, now_s: float) -> Job | None:
        """The lowest key."""
        del now_s
        self._skip_removed()
        return self._waiting[0][2] if self._waiting else None

    def take(self, now_s: float) -> Job:
        """The lowest key."""
        del now_s
        self._skip_removed()
        return heappop(self._waiting)[2]

    def remove(self, job: Job) -> None:
        """Take one that waits, out of turn."""
        self._removed.add(job)

    def waiting(self) -> Iterator[Job]:
        """All that wait, in no order."""
        return (job for _, _, job in self._waiting if job not in self._removed)

    def _skip_removed(self) -> None:
        while self._removed and self._waiting[0][2] in self._removed:
            self._removed.discard(heappop(self._waiting)[2])

    def __len__(self) -> int:
        return len(self._waiting) - len(self._removed)

    def victim(self, view: RunningView) -> Job:
        """The highest key, the latest of equals."""
        return max(view.running, key=lambda job: (job.key, job.index))

    def finished(self, job: Job) -> None:
        """Tell the rule the true length."""
        self._rule.finished(
            FinishedJob(
                arrival_s=job.arrival_s,
                queued_s=max(0.0, job.started_s - job.arrival_s),
                service_s=max(0.0, job.completed_s - job.started_s),
                input_tokens=job.input_tokens,
                output_tokens=job.output_tokens,
            )
        )


class PreemptingPolicy(RulePolicy):
    """Preempts as the scheduler class does: the same rule for the queue, the same for the running.

    Args:
        rule: Gives each request its key as it arrives.
        preemption: Decides which running requests are preempted for which waiting ones.
        service_time: What a predicted length amounts to.
        review_s: How often that is decided while requests wait and nothing happens.
    """

    preemptive = True

    def __init__(
        self,
        rule: PriorityRule,
        preemption: PreemptionRule,
        service_time: ServiceTimeModel,
        *,
        review_s: float = 1.0,
    ) -> None:
        super().__init__(rule, service_time, f"{rule.name}-preempting")
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
