"""One simulation of a fleet: from event to event, in virtual time."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from lengthwise.scheduling.rule import PriorityRule
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.policy import FleetView, ScalingPolicy
from serving_sim.fleet.result import FleetResult
from serving_sim.fleet.router import Router, RouterOptions
from serving_sim.fleet.workload import FleetRequests


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What is simulated beside the requests.

    Args:
        capacity: What each instance gives, all alike.
        router: Batch sizes, and whether classes are told apart.
        every_s: Seconds between two decisions, above 0.
        at_start: Instances by pool that are ready at time 0.
        quota: Instances of all pools together at most; interactive ones are given first, then
            mixed, then batch. None for any number.
    """

    capacity: InstanceCapacity
    router: RouterOptions
    every_s: float = 15.0
    at_start: tuple[tuple[Pool, int], ...] = ((Pool.MIXED, 1),)
    quota: int | None = None


def simulate_fleet(
    served: FleetRequests,
    policy: ScalingPolicy,
    options: FleetOptions,
    *,
    rule: PriorityRule | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> FleetResult:
    """Serve the requests with as many instances as a policy says.

    Args:
        served: The requests that come, of both classes.
        policy: Newly made: it may remember.
        options: What instances give, the router, the time between decisions, and the quota.
        rule: Orders the interactive requests that wait; None for first come first served.
        on_progress: Called with 1 for each request that completed.
    """
    run = _FleetRun(served, policy, options, rule)
    return run.run(on_progress)


def within_quota(wanted: Mapping[Pool, int], quota: int | None) -> dict[Pool, int]:
    """What a quota leaves of what is wanted: interactive instances first, batch ones last."""
    left = math.inf if quota is None else quota
    given: dict[Pool, int] = {}
    for pool in Pool:
        given[pool] = int(min(wanted.get(pool, 0), left))
        left -= given[pool]
    return given


class _FleetRun:
    def __init__(
        self,
        served: FleetRequests,
        policy: ScalingPolicy,
        options: FleetOptions,
        rule: PriorityRule | None,
    ) -> None:
        capacity = options.capacity
        self._served = served
        self._policy = policy
        self._options = options
        s_per_token = capacity.itl_s(options.router.interactive_slots)
        self._router = Router(options.router, rule, s_per_token)
        self._instances: list[Instance] = []
        self._numbers = 0
        self._ends: list[tuple[float, int, int, Instance]] = []
        self._starts: list[tuple[float, int, Instance]] = []
        self._batch_open: dict[float, dict[FleetJob, None]] = {}
        self._times_s = np.full((3, len(served)), np.nan)
        self._open = len(served)
        self._instance_s = 0.0
        self._most = self._actions = self._preemptions = 0
        self._timeline: list[tuple[float, int, int, int]] = []

    def run(self, on_progress: Callable[[int], None] | None) -> FleetResult:
        for pool, count in self._options.at_start:
            for _ in range(count):
                self._start(pool, 0.0, at_once=True)
        jobs = self._served.jobs()
        coming = next(jobs, None)
        decide_s = now_s = 0.0
        while self._open:
            arrival_s = coming.arrival_s if coming else math.inf
            now_s = min(arrival_s, decide_s, self._next_start_s(), self._next_end_s())
            coming = self._receive(coming, jobs, now_s)
            self._ready(now_s)
            self._end(now_s, on_progress)
            if now_s >= decide_s:
                self._decide(now_s)
                decide_s = now_s + self._options.every_s
            self._note(self._router.dispatch(self._instances, now_s))
        for one in self._instances:
            self._instance_s += now_s - one.asked_s
        started_s, first_token_s, completed_s = self._times_s
        return FleetResult(
            self._served,
            started_s,
            first_token_s,
            completed_s,
            self._preemptions,
            self._instance_s,
            self._most,
            self._actions,
            tuple(self._timeline),
        )

    def _receive(
        self, coming: FleetJob | None, jobs: Iterator[FleetJob], now_s: float
    ) -> FleetJob | None:
        while coming is not None and coming.arrival_s <= now_s:
            self._router.add(coming)
            self._policy.arrived(coming)
            if not coming.interactive:
                self._batch_open.setdefault(coming.due_s, {})[coming] = None
            coming = next(jobs, None)
        return coming

    def _next_start_s(self) -> float:
        return self._starts[0][0] if self._starts else math.inf

    def _next_end_s(self) -> float:
        while self._ends and self._ends[0][1] != self._ends[0][3].version:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else math.inf

    def _note(self, changed: set[Instance]) -> None:
        for one in changed:
            if one.running:
                heappush(self._ends, (one.next_end_s(), one.version, one.number, one))

    def _ready(self, now_s: float) -> None:
        while self._starts and self._starts[0][0] <= now_s:
            one = heappop(self._starts)[2]
            if one.phase is Phase.STARTING:
                one.phase = Phase.READY

    def _end(self, now_s: float, on_progress: Callable[[int], None] | None) -> None:
        while self._next_end_s() <= now_s:
            one = heappop(self._ends)[3]
            for job in one.take_ended(now_s):
                self._record(job)
                if on_progress is not None:
                    on_progress(1)
            self._note({one})
            if one.phase is Phase.DRAINING and not one.running:
                self._stop(one, now_s)

    def _record(self, job: FleetJob) -> None:
        self._times_s[:, job.index] = (job.started_s, job.first_token_s, job.completed_s)
        self._open -= 1
        self._preemptions += job.preemptions
        self._router.finished(job)
        self._policy.finished(job)
        if not job.interactive:
            group = self._batch_open[job.due_s]
            del group[job]
            if not group:
                del self._batch_open[job.due_s]

    def _decide(self, now_s: float) -> None:
        slots = self._options.router.interactive_slots
        view = FleetView(now_s, self._instances, self._router, self._batch_open, slots)
        wanted = within_quota(self._policy.wanted(view), self._options.quota)
        ready, starting = view.count(Phase.READY), view.count(Phase.STARTING)
        self._timeline.append((now_s, ready, starting, view.waiting))
        now = {pool: view.count(Phase.READY, Phase.STARTING, pool=pool) for pool in Pool}
        for pool, target in wanted.items():
            self._actions += target != now[pool]
            if target < now[pool]:
                self._drain(pool, now[pool] - target, now_s)
        for pool, target in wanted.items():
            for _ in range(target - now[pool]):
                if self._has_room():
                    self._start(pool, now_s)
        self._most = max(self._most, len(self._instances))

    def _has_room(self) -> bool:
        """Those that drain still hold their GPUs."""
        quota = self._options.quota
        return quota is None or len(self._instances) < quota

    def _start(self, pool: Pool, now_s: float, *, at_once: bool = False) -> None:
        one = Instance(self._numbers, pool, self._options.capacity, now_s)
        self._numbers += 1
        self._instances.append(one)
        if at_once:
            one.phase = Phase.READY
        else:
            heappush(self._starts, (now_s + self._options.capacity.start_up_s, one.number, one))

    def _drain(self, pool: Pool, count: int, now_s: float) -> None:
        """Those that do not serve yet first, then those with the least predicted work left."""
        among = [one for one in self._instances if one.pool is pool]
        live = [one for one in among if one.phase in (Phase.STARTING, Phase.READY)]
        for one in live:
            one.advance(now_s)
        live.sort(key=lambda one: (one.phase is Phase.READY, one.predicted_left_tokens()))
        for one in live[:count]:
            one.phase = Phase.DRAINING
            for job in one.jobs():
                if not job.interactive and self._options.router.class_aware:
                    one.preempt(job, now_s)
                    self._router.add(job)
            if one.running:
                self._note({one})
            else:
                self._stop(one, now_s)

    def _stop(self, one: Instance, now_s: float) -> None:
        one.phase = Phase.STOPPED
        self._instance_s += now_s - one.asked_s
        self._instances.remove(one)
