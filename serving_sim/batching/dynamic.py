"""Dynamic batching: a batch is closed by its size or by time, and runs to its longest."""

import math
from collections.abc import Callable, Iterator

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.job import ArrivalQueue, Job
from serving_sim.policies.policy import Policy


class DynamicBatching:
    """One run of an engine that serves batch after batch.

    While it is idle, a batch starts as soon as it is full, or when the request that has waited
    longest has waited for the engine's `batch_wait_s`. All its requests are answered when the
    longest is: until then they keep their slots.

    Args:
        engine: Its slots are the size of a batch, its `batch_wait_s` the longest wait for one.
        cost: The time of a step, by what is computed in it.
        policy: Newly made; says who is in the next batch.
        on_finished: Called with each request as it completes.
    """

    def __init__(
        self, engine: Engine, cost: StepCost, policy: Policy, on_finished: Callable[[Job], None]
    ) -> None:
        self.now_s = 0.0
        self.busy_s = 0.0
        self.preemptions = 0
        self._engine = engine
        self._cost = cost
        self._policy = policy
        self._on_finished = on_finished
        self._waiting: dict[Job, None] = {}  # in the order of their arrival
        self._arrivals = ArrivalQueue(iter(()))

    def run(self, jobs: Iterator[Job]) -> None:
        """Serve them all; `jobs` in the order of their arrival."""
        self._arrivals = ArrivalQueue(jobs)
        while True:
            self._receive()
            if not self._waiting:
                if self._arrivals.next_s == math.inf:
                    return
                self.now_s = max(self.now_s, self._arrivals.next_s)
                continue
            closes_s = next(iter(self._waiting)).arrival_s + self._engine.batch_wait_s
            if len(self._waiting) < self._engine.slots and self.now_s < closes_s:
                self.now_s = min(closes_s, self._arrivals.next_s)
                continue
            self._serve([self._take() for _ in range(min(len(self._waiting), self._engine.slots))])

    def _receive(self) -> None:
        for job in self._arrivals.until(self.now_s):
            self._waiting[job] = None
            self._policy.add(job, job.arrival_s)

    def _take(self) -> Job:
        job = self._policy.take(self.now_s)
        del self._waiting[job]
        return job

    def _serve(self, batch: list[Job]) -> None:
        inputs = sum(job.input_tokens for job in batch)
        began_s = self.now_s
        first_token_s = began_s + self._cost.prefill_s(len(batch), 0, inputs)
        steps = max(job.output_tokens for job in batch) - 1
        self.now_s = first_token_s + self._cost.decode_s(steps, len(batch), inputs)
        self.busy_s += self.now_s - began_s
        self._receive()
        for job in batch:
            job.started_s = job.running_since_s = began_s
            job.first_token_s = first_token_s
            job.completed_s = self.now_s
            job.ran_s = self.now_s - began_s
            job.generated_tokens = job.output_tokens
            self._policy.finished(job)
            self._on_finished(job)
