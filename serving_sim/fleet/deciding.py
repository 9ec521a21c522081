"""The autoscaler's own decision in the simulator: with predictions, or as Chiron was published."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autoscaler.core.decide import decide
from autoscaler.core.demand import (
    UNKNOWN_CV,
    DeadlineGroup,
    Knowledge,
    TokenDemand,
    length_moments,
)
from autoscaler.core.expectation import Expectation
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import (
    LATELY,
    RATE_WINDOW_S,
    OccupancyForecast,
    RunningLength,
    occupancy_ahead,
    occupancy_ahead_by_mean,
)
from autoscaler.core.options import DecisionOptions
from lengthwise.length_distribution import LengthDistribution
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.policy import FleetView

ENDED = 1_000
"""Latest requests that ended whose mean length stands for what is not predicted."""

TYPICAL_TOKENS = 250.0
"""Mean length while nothing has ended."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """Which parts of the decision are in use.

    Args:
        forecast: Occupancy ahead of a start-up is reckoned.
        predictions: Lengths are each request's own; else the mean of those that ended.
        order: Interactive requests that wait are ordered by their predictions.
    """

    forecast: bool = True
    predictions: bool = True
    order: bool = True


class DecidePolicy:
    """Builds the state that `decide` asks for, and does what it says.

    Args:
        name: Its name in the results.
        options: Capacity, SLOs, limits and the rules' numbers.
        parts: Which of its parts are in use.
    """

    def __init__(self, name: str, options: DecisionOptions, parts: Ablation) -> None:
        self.name = name
        self._options = options
        self._parts = parts
        self._arrivals_s: deque[float] = deque()
        self._ended_tokens: deque[int] = deque(maxlen=ENDED)
        self._tokens = 0
        self._lately: deque[LengthDistribution | None] = deque(maxlen=LATELY)
        self._moments: dict[int, tuple[LengthDistribution, tuple[float, float]]] = {}
        self._needs: deque[PastNeed] = deque()

    def arrived(self, job: FleetJob) -> None:
        if job.interactive:
            self._arrivals_s.append(job.arrival_s)
            self._lately.append(job.distribution)

    def finished(self, job: FleetJob) -> None:
        if len(self._ended_tokens) == ENDED:
            self._tokens -= self._ended_tokens[0]
        self._ended_tokens.append(job.output_tokens)
        self._tokens += job.output_tokens

    def wanted(self, view: FleetView) -> Mapping[Pool, int]:
        now_s = view.now_s
        while self._needs and now_s - self._needs[0].at_s > self._options.down_window_s:
            self._needs.popleft()
        for one in view.instances:
            one.advance(now_s)
        state = FleetState(
            now_s,
            {pool: _instances(view, pool) for pool in Pool},
            self._interactive(view),
            self._groups(view),
            tuple(self._needs),
        )
        decision = decide(state, now_s, self._options)
        if decision.need is not None:
            self._needs.append(decision.need)
        return {pool: one.wanted for pool, one in decision.pools.items()}

    @property
    def _mean_tokens(self) -> float:
        ended = len(self._ended_tokens)
        return self._tokens / ended if ended else TYPICAL_TOKENS

    def _interactive(self, view: FleetView) -> InteractiveDemand:
        running = sum(one.interactive for one in view.instances)
        waiting = view.router.interactive_waiting
        demand = TokenDemand.from_mean(waiting, self._mean_tokens, Knowledge.LLM_MEAN)
        forecast = self._forecast(view, running + waiting) if self._parts.forecast else None
        return InteractiveDemand(running, demand, forecast)

    def _forecast(self, view: FleetView, requests: int) -> OccupancyForecast:
        while self._arrivals_s and self._arrivals_s[0] < view.now_s - RATE_WINDOW_S:
            self._arrivals_s.popleft()
        window_s = min(RATE_WINDOW_S, max(view.now_s, 1.0))
        rate = len(self._arrivals_s) / window_s
        capacity = self._options.capacity
        itl_s = capacity.itl_s(capacity.slots_within(self._options.slo.itl_s))
        if not self._parts.predictions or not any(self._lately):
            return occupancy_ahead_by_mean(
                requests, rate, self._mean_tokens, itl_s, capacity.start_up_s
            )
        typical = Expectation.from_mean(self._mean_tokens, Knowledge.LLM_MEAN).length
        lengths = self._lengths(view.instances, view.router.waiting_interactive(), typical)
        lately = [one or typical for one in self._lately]
        return occupancy_ahead(lengths, rate, lately, itl_s, capacity.start_up_s)

    @staticmethod
    def _lengths(
        instances: Iterable[Instance], waiting: Iterable[FleetJob], typical: LengthDistribution
    ) -> list[RunningLength]:
        """A request without a prediction is taken for a typical one: it holds a slot as well."""
        found = [RunningLength(job.distribution or typical) for job in waiting]
        for one in instances:
            found += [
                RunningLength(job.distribution or typical, one.generated_tokens(job))
                for job in one.jobs()
                if job.interactive
            ]
        return found

    def _groups(self, view: FleetView) -> list[DeadlineGroup]:
        generated = {
            job: one.generated_tokens(job)
            for one in view.instances
            for job in one.jobs()
            if not job.interactive
        }
        return [
            DeadlineGroup(due_s, self._demand(jobs, generated))
            for due_s, jobs in view.batch_open.items()
        ]

    def _demand(self, jobs: Iterable[FleetJob], generated: Mapping[FleetJob, float]) -> TokenDemand:
        """What is left of batch requests; what one has generated is left out."""
        count, mean, variance, inputs = 0, 0.0, 0.0, 0.0
        for job in jobs:
            count += 1
            one_mean, one_variance = self._length(job)
            done = generated.get(job, job.generated_tokens)
            mean += max(1.0, one_mean - done)
            variance += one_variance
            inputs += 0 if done else job.input_tokens
        known = Knowledge.PREDICTIONS if self._parts.predictions else Knowledge.LLM_MEAN
        return TokenDemand(count, mean, variance, inputs, known)

    def _length(self, job: FleetJob) -> tuple[float, float]:
        if not self._parts.predictions or job.distribution is None:
            return self._mean_tokens, (UNKNOWN_CV * self._mean_tokens) ** 2
        # By identity, which the entry itself keeps from being given to another.
        known = self._moments.get(id(job.distribution))
        if known is None:
            known = (job.distribution, length_moments(job.distribution))
            self._moments[id(job.distribution)] = known
        return known[1]


def _instances(view: FleetView, pool: Pool) -> PoolInstances:
    return PoolInstances(
        ready=view.count(Phase.READY, pool=pool),
        starting=view.count(Phase.STARTING, pool=pool),
        draining=view.count(Phase.DRAINING, pool=pool),
        busy_interactive=sum(
            1 for one in view.instances
            if one.pool is pool and one.phase is Phase.READY and one.interactive
        ),
    )  # fmt: skip
