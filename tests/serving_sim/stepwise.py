"""vLLM's schedule() told request by request and step by step: slow, and easy to check by eye."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.workload.requests import Requests


@dataclass(eq=False)
class Told:
    index: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    generated: int = 0
    cached: int = 0
    started_s: float | None = None
    first_token_s: float | None = None
    completed_s: float | None = None
    preemptions: int = 0
    prefilling: bool = True

    @property
    def known(self) -> int:
        return self.input_tokens + self.generated


@dataclass
class Stepwise:
    """Lowest key first; with recomputation; no prefixes of others."""

    requests: Requests
    engine: Engine
    cost: StepCost
    key: Callable[[Told], float]
    fcfs: bool = False
    now_s: float = 0.0
    running: list[Told] = field(default_factory=list)
    waiting: list[Told] = field(default_factory=list)

    def blocks(self, tokens: int) -> int:
        return (tokens + self.engine.block_tokens - 1) // self.engine.block_tokens

    @property
    def free(self) -> int:
        return self.engine.total_blocks - sum(self.held.values())

    def order(self, job: Told) -> tuple[float, int]:
        return self.key(job), job.index

    def run(self) -> Sequence[Told]:
        told = [Told(job.index, job.arrival_s, job.input_tokens, job.output_tokens) for job in
                self.requests.jobs()]  # fmt: skip
        coming = list(told)
        self.held: dict[Told, int] = {}
        while coming or self.waiting or self.running:
            if not self.waiting and not self.running:
                self.now_s = max(self.now_s, coming[0].arrival_s)
            while coming and coming[0].arrival_s <= self.now_s:
                self.waiting.append(coming.pop(0))
            self.step()
        return told

    def step(self) -> None:
        budget = self.engine.step_tokens
        scheduled: dict[Told, int] = {}
        preempted = False
        place = 0
        while place < len(self.running) and budget > 0:
            job = self.running[place]
            tokens = min(job.known - job.cached, budget)
            alone = False
            while self.blocks(job.cached + tokens) - self.held[job] > self.free:
                victim = self.running[-1] if self.fcfs else max(self.running, key=self.order)
                if self.running.index(victim) < place:
                    place -= 1
                self.running.remove(victim)
                budget += scheduled.pop(victim, 0)
                del self.held[victim]
                victim.cached = 0
                victim.prefilling = True
                victim.preemptions += 1
                self.waiting.append(victim)
                preempted = True
                if victim is job:
                    alone = True
                    break
            if alone:
                break
            self.held[job] = self.blocks(job.cached + tokens)
            scheduled[job] = tokens
            budget -= tokens
            place += 1
        self.waiting.sort(key=self.order)
        while not preempted and budget > 0 and len(self.running) < self.engine.slots:
            if not self.waiting or self.blocks(self.waiting[0].known) > self.free:
                break
            job = self.waiting.pop(0)
            scheduled[job] = min(job.known, budget)
            budget -= scheduled[job]
            self.running.append(job)
            self.held[job] = self.blocks(scheduled[job])
            if job.started_s is None:
                job.started_s = self.now_s
        if scheduled:
            self.compute(scheduled)

    def compute(self, scheduled: dict[Told, int]) -> None:
        cost = self.cost
        prefills = {job: tokens for job, tokens in scheduled.items() if job.prefilling}
        self.now_s += cost.step_s + cost.sequence_s * len(scheduled)
        self.now_s += cost.cached_token_s * sum(job.cached for job in scheduled)
        if prefills:
            self.now_s += cost.prefill_step_s + cost.prefill_token_s * sum(prefills.values())
        for job, tokens in scheduled.items():
            job.cached += tokens
            if job.cached < job.known:
                continue
            job.generated += 1
            job.prefilling = False
            if job.generated == 1:
                job.first_token_s = self.now_s
            if job.generated == job.output_tokens:
                job.completed_s = self.now_s
                self.running.remove(job)
                del self.held[job]
