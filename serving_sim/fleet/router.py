"""Which request goes to which instance, and which waits: batch by deadline, others first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from autoscaler.core.fleet import Pool
from lengthwise.scheduling.rule import FinishedJob, PriorityRule, QueuedJob
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob


@dataclass(frozen=True, slots=True)
class RouterOptions:
    """How requests are routed.

    Args:
        interactive_slots: Requests that an instance with any interactive one runs at once.
        batch_slots: The same of an instance with batch requests alone.
        class_aware: Interactive requests go first, and batch ones make room for them; else all
            are served in one queue on any instance.
        feasible_first: Requests that can still have their first token in time go before those that
            cannot.
        packed: An interactive request goes to the fullest instance with room, else to the emptiest.
    """

    interactive_slots: int
    batch_slots: int
    class_aware: bool = True
    feasible_first: bool = True
    packed: bool = False


class Router:
    """The queue before the fleet.

    Args:
        options: Batch sizes, and whether classes are told apart.
        rule: Orders those that wait by their predictions; None for first come first served.
        service_s_per_token: What a predicted token amounts to, for the rule.
    """

    def __init__(
        self, options: RouterOptions, rule: PriorityRule | None, service_s_per_token: float
    ) -> None:
        self._options = options
        self._rule = rule
        self._service_s_per_token = service_s_per_token
        self._timely: list[tuple[float, int, FleetJob]] = []
        self._late: list[tuple[float, int, FleetJob]] = []
        self._batch: list[tuple[float, float, int, FleetJob]] = []

    @property
    def interactive_waiting(self) -> int:
        """Interactive requests that wait; all requests where classes are not told apart."""
        return len(self._timely) + len(self._late)

    @property
    def batch_waiting(self) -> int:
        """Batch requests that wait."""
        return len(self._batch)

    def waiting_interactive(self) -> Iterable[FleetJob]:
        """Those that wait, in no order."""
        for queue in (self._timely, self._late):
            yield from (job for _, _, job in queue)

    def add(self, job: FleetJob) -> None:
        """A request comes, or comes back."""
        if self._options.class_aware and not job.interactive:
            # Longest first among those due at the same time: a long one begun last ends last.
            heappush(self._batch, (job.due_s, -job.predicted_tokens, job.index, job))
            return
        if not job.preemptions:
            job.key = self._key(job)
        heappush(self._timely, (job.key, job.index, job))

    def _key(self, job: FleetJob) -> float:
        if self._rule is None:
            return job.arrival_s
        queued = QueuedJob(
            arrival_s=job.arrival_s,
            input_tokens=job.input_tokens,
            predicted_tokens=job.predicted_tokens,
            service_time_s=job.predicted_tokens * self._service_s_per_token,
            distribution=job.distribution,
        )
        return float(self._rule.key(queued))

    def finished(self, job: FleetJob) -> None:
        """A request ended: the rule may learn from it."""
        if self._rule is not None and (job.interactive or not self._options.class_aware):
            self._rule.finished(
                FinishedJob(
                    arrival_s=job.arrival_s,
                    queued_s=max(0.0, job.started_s - job.arrival_s),
                    service_s=max(0.0, job.completed_s - job.started_s),
                    input_tokens=job.input_tokens,
                    output_tokens=job.output_tokens,
                )
            )

    def dispatch(self, instances: Iterable[Instance], now_s: float) -> set[Instance]:
        """Admit whoever finds room.

        Returns:
            The instances whose batch changed, and with it the time of their next end.
        """
        ready = [one for one in instances if one.phase is Phase.READY]
        changed: set[Instance] = set()
        while (job := self._head(now_s)) is not None:
            host = self._host(ready, now_s, changed)
            if host is None:
                break
            self._pop()
            host.add(job, now_s)
            changed.add(host)
        while self._batch:
            host = _least(ready, self._room_for_batch)
            if host is None:
                break
            host.add(heappop(self._batch)[3], now_s)
            changed.add(host)
        return changed

    def _head(self, now_s: float) -> FleetJob | None:
        while self._timely:
            job = self._timely[0][2]
            if not self._options.feasible_first or now_s <= job.due_s:
                return job
            heappush(self._late, heappop(self._timely))
        return self._late[0][2] if self._late else None

    def _pop(self) -> None:
        heappop(self._timely or self._late)

    def _host(self, ready: list[Instance], now_s: float, changed: set[Instance]) -> Instance | None:
        if not self._options.class_aware:
            return _least(ready, self._room)
        for pool in (Pool.INTERACTIVE, Pool.MIXED):
            among = [one for one in ready if one.pool is pool]
            host = (_fullest if self._options.packed else _least)(among, self._room)
            if host is not None:
                return host
        mixed = [one for one in ready if one.pool is Pool.MIXED and one.running > one.interactive]
        if not mixed:
            return None
        host = max(mixed, key=lambda one: (one.running - one.interactive, -one.number))
        if host.interactive >= self._options.interactive_slots:
            return None
        while host.running >= self._options.interactive_slots:
            batch = [job for job in host.jobs() if not job.interactive]
            last = max(batch, key=lambda job: (job.due_s, job.index))
            host.preempt(last, now_s)
            self.add(last)
        changed.add(host)
        return host

    def _room(self, one: Instance) -> int:
        return self._options.interactive_slots - one.running

    def _room_for_batch(self, one: Instance) -> int:
        if one.pool is Pool.INTERACTIVE:
            return 0
        slots = self._options.interactive_slots if one.interactive else self._options.batch_slots
        return slots - one.running


def _least(instances: Iterable[Instance], room: Callable[[Instance], int]) -> Instance | None:
    """The instance with the most room, the oldest of equals; None if none has any."""
    best, most = None, 0
    for one in instances:
        free = room(one)
        if free > most:
            best, most = one, free
    return best


def _fullest(instances: Iterable[Instance], room: Callable[[Instance], int]) -> Instance | None:
    """The instance with the least room that has any, the oldest of equals."""
    best, least = None, 0
    for one in instances:
        free = room(one)
        if free > 0 and (best is None or free < least):
            best, least = one, free
    return best
