"""Policies side by side: the same requests for each, load by load and seed by seed.

Loads are shares of what an engine can serve, which is load 1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.errors import InvalidWorkloadError
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.registry import PolicyChoice
from serving_sim.result import SimulationResult, Summary
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests
from serving_sim.workload.workload import Workload

SATURATED = (0.1, 0.7)
"""Shares of the completions between which all slots are surely taken."""


def requests_per_s(requests: Requests, engine: Engine, cost: StepCost) -> float:
    """Completions per second while the engine is saturated, first come first served.

    Args:
        requests: That are typical; their arrivals do not matter.
        engine: Slots, memory and way of batching.
        cost: The time of a step.
    """
    at_once = Requests(
        np.zeros(len(requests)),
        requests.input_tokens,
        requests.output_tokens,
        requests.predicted_tokens,
    )
    ends_s = np.sort(simulate(at_once, FcfsPolicy(), engine, cost).completed_s)
    first, last = (int(share * (len(ends_s) - 1)) for share in SATURATED)
    if ends_s[last] <= ends_s[first]:
        return float(len(ends_s) / ends_s[-1])
    return float((last - first) / (ends_s[last] - ends_s[first]))


CAPACITY_REQUESTS = 4000
"""Requests, at most, that the capacity is measured with: a bound on the time that it takes."""

CAPACITY_SEED = 0
"""Of their draw: the capacity is the same for every seed that is compared."""


@dataclass(frozen=True, slots=True)
class Run:
    """One simulation and its row."""

    summary: Summary
    result: SimulationResult


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared.

    Args:
        workload: Requests are drawn from it, anew for each seed.
        engine: The engine that serves them.
        cost: The time of its steps.
        policies: Names of the policies compared, at least one.
        seeds: One draw of the workload for each, at least one.
        count: Requests in each simulation, at least 1.

    Raises:
        InvalidWorkloadError: If there is no policy, seed or request.
    """

    workload: Workload
    engine: Engine
    cost: StepCost
    policies: Sequence[PolicyChoice]
    seeds: Sequence[int]
    count: int

    def __post_init__(self) -> None:
        if not self.policies or not self.seeds or self.count < 1:
            raise InvalidWorkloadError(
                f"{len(self.policies)} policies, {len(self.seeds)} seeds, {self.count} requests: "
                "expected at least 1 of each"
            )

    def capacity_per_s(self) -> float:
        """Requests per second that load 1 stands for."""
        drawn = self.workload.draw(min(self.count, CAPACITY_REQUESTS), np.inf, CAPACITY_SEED)
        return requests_per_s(drawn, self.engine, self.cost)

    def at_loads(
        self, loads: Sequence[float], on_progress: Callable[[int], None] | None = None
    ) -> Iterator[Run]:
        """Every policy at every load, as a share of what the engine can serve."""
        capacity_per_s = self.capacity_per_s()
        for load in loads:
            yield from self.at_rate(load * capacity_per_s, load, on_progress)

    def at_rate(
        self,
        rate_per_s: float,
        load: float | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Iterator[Run]:
        """Every policy at one rate, in requests per second."""
        for seed in self.seeds:
            requests = self.workload.draw(self.count, rate_per_s, seed)
            for choice in self.policies:
                yield self._run(choice, requests, load, seed, on_progress)

    def _run(
        self,
        choice: PolicyChoice,
        requests: Requests,
        load: float | None,
        seed: int,
        on_progress: Callable[[int], None] | None,
    ) -> Run:
        predicted = requests
        if choice.oracle:
            predicted = replace(
                requests, predicted_tokens=requests.output_tokens.astype(float), distributions=None
            )
        policy = choice.make(self.cost, self.engine)
        result = simulate(predicted, policy, self.engine, self.cost, on_progress=on_progress)
        names = {"policy": choice.name, "batching": self.engine.batching}
        row = Summary.from_result(result, **names, slots=self.engine.slots, load=load, seed=seed)
        return Run(row, result)
