"""One engine of a fleet: requests share its steps, and it starts, drains and stops."""

import math
from enum import Enum, auto
from heapq import heapify, heappop, heappush

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from serving_sim.fleet.job import FleetJob


class Phase(Enum):
    """An instance's life: it is paid for from STARTING until STOPPED."""

    STARTING = auto()
    READY = auto()
    DRAINING = auto()
    STOPPED = auto()


class Instance:
    """Counts steps rather than tokens: with a batch of n, one takes `step_s + sequence_s * n`.

    Each request notes the step at which it ends, so that an event costs the same however large the
    batch. Prompts hold up all that run, one after another, as without chunked prefill.

    Args:
        number: Its place in the order in which instances were asked for.
        pool: Says which classes of requests it serves.
        capacity: The time of its steps and prompts.
        asked_s: When it was asked for, in virtual time.
    """

    def __init__(self, number: int, pool: Pool, capacity: InstanceCapacity, asked_s: float) -> None:
        self.number = number
        self.pool = pool
        self.phase = Phase.STARTING
        self.asked_s = asked_s
        self.version = 0
        self.interactive = 0
        self._capacity = capacity
        self._steps = 0.0
        self._now_s = asked_s
        self._ends: list[tuple[float, int, FleetJob]] = []

    @property
    def running(self) -> int:
        """Requests in its batch."""
        return len(self._ends)

    def jobs(self) -> list[FleetJob]:
        """Those in its batch, in no order."""
        return [job for _, _, job in self._ends]

    def generated_tokens(self, job: FleetJob) -> float:
        """Of a request in its batch, as of the last event here."""
        return job.generated_tokens + max(0.0, self._steps - job.joined_step)

    def advance(self, now_s: float) -> None:
        """Bring the step count up to the present; nobody ends before it."""
        if now_s > self._now_s:
            if self._ends:
                self._steps += (now_s - self._now_s) / self._capacity.itl_s(len(self._ends))
            self._now_s = now_s

    def next_end_s(self) -> float:
        """When the first of its requests ends if nothing changes; infinity with none."""
        if not self._ends:
            return math.inf
        left = max(0.0, self._ends[0][0] - self._steps)
        return self._now_s + left * self._capacity.itl_s(len(self._ends))

    def add(self, job: FleetJob, now_s: float) -> None:
        """Admit a request: its prompt, and what it had generated elsewhere, are computed first."""
        self.advance(now_s)
        if job.last_instance != self.number:
            prompt_s = self._capacity.prefill_s(job.input_tokens + job.generated_tokens)
            self._now_s = max(self._now_s, now_s) + prompt_s
        job.joined_step = self._steps
        heappush(
            self._ends, (self._steps + job.output_tokens - job.generated_tokens, job.index, job)
        )
        if math.isnan(job.started_s):
            job.started_s = now_s
            job.first_token_s = self._now_s + self._capacity.itl_s(len(self._ends))
        self.interactive += job.interactive
        self.version += 1

    def take_ended(self, now_s: float) -> list[FleetJob]:
        """Remove those whose last token has come."""
        self.advance(now_s)
        done: list[FleetJob] = []
        while self._ends and self._ends[0][0] <= self._steps + 1e-6:
            job = heappop(self._ends)[2]
            job.completed_s = max(now_s, job.first_token_s)
            job.generated_tokens = job.output_tokens
            self.interactive -= job.interactive
            done.append(job)
        self.version += 1
        return done

    def preempt(self, job: FleetJob, now_s: float) -> None:
        """Take a request off; its keys and values stay on this machine."""
        self.advance(now_s)
        job.generated_tokens = min(self.generated_tokens(job), job.output_tokens - 1.0)
        job.last_instance = self.number
        job.preemptions += 1
        self._ends = [entry for entry in self._ends if entry[2] is not job]
        heapify(self._ends)
        self.interactive -= job.interactive
        self.version += 1

    def predicted_left_tokens(self) -> float:
        """Tokens that its requests are expected to generate yet."""
        return sum(
            max(1.0, job.predicted_tokens - self.generated_tokens(job)) for job in self.jobs()
        )
