"""Continuous batching: requests join and leave the batch at every step, as vLLM schedules them.

What vLLM 0.32 does in a step, and this does too: running requests first, in the order in which they
were admitted, each with the tokens that it lacks; where memory runs out, one running request after
another makes room; then waiting ones while slots, the step's tokens and memory last, and none if
one was just preempted; a waiting request is admitted only if all its tokens fit. It keeps no
prefixes of other requests.
"""

from collections.abc import Callable, Iterator, KeysView
from dataclasses import dataclass, field

from serving_sim.batching.decode_batch import DecodeBatch, Memory
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.job import ArrivalQueue, Job
from serving_sim.policies.policy import Policy


@dataclass(slots=True)
class StepPlan:
    """What one step does beside generating a token for each request that decodes.

    Args:
        budget_tokens: Tokens that the step may still compute.
        prefills: Requests with prompt tokens computed in it, and how many of each.
        stalled: Running requests that it leaves out: memory ran out before their turn.
        preempted: A request was preempted in it because memory ran out.
    """

    budget_tokens: int
    prefills: list[tuple[Job, int]] = field(default_factory=list[tuple[Job, int]])
    stalled: list[Job] = field(default_factory=list[Job])
    preempted: bool = False


class ContinuousBatching:
    """One run of an engine.

    Args:
        engine: Slots, memory and tokens of a step.
        cost: The time of a step, by what is computed in it.
        policy: Newly made; says who runs next and who is preempted.
        on_finished: Called with each request as it completes.
    """

    def __init__(
        self, engine: Engine, cost: StepCost, policy: Policy, on_finished: Callable[[Job], None]
    ) -> None:
        self.now_s = 0.0
        self.busy_s = 0.0
        self.preemptions = 0
        self.memory = Memory(engine)
        self._engine = engine
        self._cost = cost
        self._policy = policy
        self._on_finished = on_finished
        self._decoding = DecodeBatch(engine.block_tokens)
        self._running: dict[Job, None] = {}
        self._partial: Job | None = None
        self._resident: dict[Job, None] = {}  # preempted, with its memory still held
        self._resident_blocks = 0
        self._lazy = engine.swap is not None and engine.swap.lazy
        self._arrivals = ArrivalQueue(iter(()))

    @property
    def running(self) -> KeysView[Job]:
        """In the order in which they were admitted."""
        return self._running.keys()

    @property
    def free_slots(self) -> int:
        """Requests that could run beside these."""
        return self._engine.slots - len(self._running)

    @property
    def free_blocks(self) -> int:
        """Memory that no running request holds; a preempted one that holds some can be evicted."""
        return self.memory.free_blocks + self._resident_blocks

    def generated_tokens(self, job: Job) -> int:
        """How many tokens a request has generated so far."""
        return self._decoding.generated_tokens(job)

    def held_blocks(self, job: Job) -> int:
        """Memory that a running request holds."""
        return self.memory.blocks_of(self._decoding.cached_of(job))

    def wanted_blocks(self, job: Job) -> int:
        """Memory that a waiting request needs to be admitted."""
        return self.memory.blocks_of(job.known_tokens)

    def run(self, jobs: Iterator[Job]) -> None:
        """Serve them all; `jobs` in the order of their arrival."""
        self._arrivals = ArrivalQueue(jobs)
        self._receive()
        while self._running or len(self._policy) or self._idle_until_next():
            if self._policy.preemptive:
                for job in self._policy.to_preempt(self, self.now_s):
                    self._preempt(job, keep=self._lazy)
            plan = StepPlan(self._engine.step_tokens)
            self._plan_running(plan)
            if not plan.preempted:
                self._admit(plan)
            self._run_step(plan)

    def _receive(self) -> None:
        for job in self._arrivals.until(self.now_s):
            self._policy.add(job, job.arrival_s)

    def _idle_until_next(self) -> bool:
        """Nothing is left here: go on to the next arrival; False if there is none."""
        if self._arrivals.next_s == float("inf"):
            return False
        self.now_s = max(self.now_s, self._arrivals.next_s)
        self._receive()
        return True

    def _plan_running(self, plan: StepPlan) -> None:
        chunk = self._partial_chunk()
        needed = self._decoding.blocks_needed() + self._chunk_blocks(self._partial, chunk)
        if needed > self.memory.free_blocks and not self._evict_until(needed):
            self._plan_short_of_memory(plan)
            return
        self.memory.free_blocks -= needed
        plan.budget_tokens -= self._decoding.count + chunk
        if self._partial is not None:
            plan.prefills.append((self._partial, chunk))

    def _partial_chunk(self) -> int:
        if self._partial is None:
            return 0
        left = self._partial.known_tokens - self._partial.cached_tokens
        return min(left, self._engine.step_tokens - self._decoding.count)

    def _chunk_blocks(self, job: Job | None, tokens: int) -> int:
        if job is None:
            return 0
        cached = job.cached_tokens
        return self.memory.blocks_of(cached + tokens) - self.memory.blocks_of(cached)

    def _plan_short_of_memory(self, plan: StepPlan) -> None:
        """As vLLM: request by request; who finds no block takes it from the policy's victim."""
        granted: dict[Job, int] = {}
        for job in list(self._running):
            if job not in self._running:
                continue  # an earlier one took its memory
            tokens = self._partial_chunk() if job is self._partial else 1
            cached = self._decoding.cached_of(job)
            needed = self.memory.blocks_of(cached + tokens) - self.memory.blocks_of(cached)
            while needed > self.memory.free_blocks and job in self._running:
                victim = self._policy.victim(self)
                self.memory.free_blocks += granted.pop(victim, 0)
                self._preempt(victim)
                plan.preempted = True
            if job not in self._running:
                break  # it was the victim itself: vLLM schedules no other running one either
            granted[job] = needed
            self.memory.free_blocks -= needed
            plan.budget_tokens -= tokens
            if job is self._partial:
                plan.prefills.append((job, tokens))
        self._stall(plan, granted)

    def _stall(self, plan: StepPlan, granted: dict[Job, int]) -> None:
        plan.prefills = [(job, tokens) for job, tokens in plan.prefills if job in self._running]
        for job in self._running:
            if job not in granted and job is not self._partial:
                self._decoding.remove(job)
                plan.stalled.append(job)

    def _evict_until(self, needed: int, spared: Job | None = None) -> bool:
        """Take memory from the preempted that still hold some, until so many blocks are free."""
        while needed > self.memory.free_blocks and self._resident:
            candidates = {job: None for job in self._resident if job is not spared}
            if not candidates:
                return False
            job = self._policy.eviction_victim(candidates.keys(), self, self.now_s)
            self._no_longer_resident(job)
            self.memory.evict(job)
        return needed <= self.memory.free_blocks

    def _no_longer_resident(self, job: Job) -> None:
        del self._resident[job]
        self._resident_blocks -= self.memory.blocks_of(job.cached_tokens)

    def _preempt(self, job: Job, *, keep: bool = False) -> None:
        if job is self._partial:
            self._partial = None
        else:
            self._decoding.remove(job)
        del self._running[job]
        job.preemptions += 1
        job.ran_s += self.now_s - job.running_since_s
        self.preemptions += 1
        if keep:
            self._resident[job] = None
            self._resident_blocks += self.memory.blocks_of(job.cached_tokens)
        else:
            self.memory.evict(job)
        self._policy.requeue(job, self.now_s)

    def _admit(self, plan: StepPlan) -> None:
        while plan.budget_tokens > 0 and len(self._running) < self._engine.slots:
            job = self._policy.head(self.now_s)
            if job is None or not self._has_room(job):
                return
            self._policy.take(self.now_s)
            self._start(job, plan)

    def _has_room(self, job: Job) -> bool:
        wanted = self.wanted_blocks(job)
        if wanted > self.free_blocks:
            return False
        held = self.memory.blocks_of(job.cached_tokens) if job in self._resident else 0
        return self._evict_until(wanted - held, spared=job)

    def _start(self, job: Job, plan: StepPlan) -> None:
        self._running[job] = None
        job.running_since_s = self.now_s
        if not job.started:
            job.started_s = self.now_s
        resident = job in self._resident
        if resident:
            self._no_longer_resident(job)
            self.memory.release(job)
        tokens = min(job.known_tokens - job.cached_tokens, plan.budget_tokens)
        self.memory.free_blocks -= self.memory.blocks_of(job.cached_tokens + tokens)
        plan.budget_tokens -= tokens
        decodes = (job.swapped or resident) and tokens == 1 and job.generated_tokens > 0
        if job.swapped:
            self.memory.swap_in(job)
        if decodes:
            self._decoding.add(job)
        else:
            plan.prefills.append((job, tokens))

    def _run_step(self, plan: StepPlan) -> None:
        began_s = self.now_s
        # After a preemption nothing was admitted, but may be at the very next step.
        if not plan.prefills and not self._decoding.count:
            pass  # who made room for itself had come first in turn: vLLM's step is empty, too
        elif plan.prefills or plan.preempted or self.memory.transfer_s:
            self.now_s += self.memory.step_with_transfers(self._single_step_s(plan))
            self._decoding.advance(1)
        else:
            self._jump()
        self.busy_s += self.now_s - began_s
        for job in plan.stalled:
            self._decoding.add(job)
        done = self._decoding.ended()
        self._receive()
        for job, tokens in plan.prefills:
            self._computed(job, tokens)
        for job in done:
            self._complete(job)

    def _single_step_s(self, plan: StepPlan) -> float:
        sequences = self._decoding.count + len(plan.prefills)
        cached = self._decoding.cached_tokens + sum(job.cached_tokens for job, _ in plan.prefills)
        if not plan.prefills:
            return self._cost.decode_s(1, sequences, cached)
        computed = sum(tokens for _, tokens in plan.prefills)
        return self._cost.prefill_s(sequences, cached, computed)

    def _jump(self) -> None:
        """All steps until something can change, at once."""
        decoding, memory = self._decoding, self.memory
        memory.free_blocks += decoding.blocks_needed()  # planned for the first step already
        steps = decoding.steps_to_end()
        until_s = self._policy.review_s(self.now_s)
        if self.free_slots or self._policy.preemptive:
            until_s = min(until_s, self._arrivals.next_s)
            review_steps = self._policy.review_steps(self)
            steps = steps if review_steps is None else min(steps, review_steps)
        if memory.free_blocks < (steps // self._engine.block_tokens + 1) * decoding.count:
            steps = min(steps, decoding.steps_within(memory.free_blocks))
        ends_s = self.now_s + self._decode_s(steps)
        if until_s < ends_s:
            steps = self._cost.steps_until(
                self.now_s, until_s, decoding.count, decoding.cached_tokens
            )
            ends_s = self.now_s + self._decode_s(steps)
        memory.free_blocks -= decoding.blocks_within(steps)
        decoding.advance(steps)
        self.now_s = ends_s

    def _decode_s(self, steps: int) -> float:
        return self._cost.decode_s(steps, self._decoding.count, self._decoding.cached_tokens)

    def _computed(self, job: Job, tokens: int) -> None:
        """Prompt tokens were computed; the last of them gives the next token of the answer."""
        job.cached_tokens += tokens
        if job.cached_tokens < job.known_tokens:
            self._partial = job
            return
        if job is self._partial:
            self._partial = None
        job.generated_tokens += 1
        if job.generated_tokens == 1:
            job.first_token_s = self.now_s
        if job.generated_tokens == job.output_tokens:
            self._complete(job)
        else:
            self._decoding.add(job)

    def _complete(self, job: Job) -> None:
        del self._running[job]
        self.memory.release(job)
        job.completed_s = self.now_s
        job.ran_s += self.now_s - job.running_since_s
        self._policy.finished(job)
        self._on_finished(job)
