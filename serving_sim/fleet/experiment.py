"""Scaling policies side by side: the same requests for each, seed by seed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from serving_sim.errors import InvalidWorkloadError
from serving_sim.fleet.contenders import FleetSetting, contender
from serving_sim.fleet.result import FleetResult, FleetSummary
from serving_sim.fleet.simulate import FleetOptions, simulate_fleet
from serving_sim.fleet.workload import FleetRequests
from serving_sim.workload.requests import Requests
from serving_sim.workload.workload import Workload

BATCH_SEEDS = 10_000
"""Between the seeds of two workloads' batch jobs: they share no draw with interactive requests."""


class DrawsRequests(Protocol):
    """What interactive requests are drawn from: a Workload, or several one after another."""

    def draw(self, count: int, rate_per_s: float, seed: int) -> Requests:
        """Requests in the order of their arrival; the same seed gives the same ones."""
        ...


@dataclass(frozen=True, slots=True)
class FleetWorkload:
    """Interactive requests at a rate, and batch jobs that come all at once at intervals.

    Args:
        interactive: Drawn from for interactive requests.
        batch: Drawn from for batch requests.
        count: Interactive requests, at least 1.
        rate_per_s: Mean interactive requests per second, above 0.
        batch_share: Batch requests for each interactive one, at least 0.
        job_every_s: Seconds between two batch jobs, above 0.
        deadline_s: Of a batch job, from its arrival; of several each job takes the next in turn.
        predicted_share: Of the time, from its beginning, in which requests are predicted: then the
            predictor is gone.
    """

    interactive: DrawsRequests
    batch: Workload
    count: int
    rate_per_s: float
    batch_share: float = 0.3
    job_every_s: float = 1800.0
    deadline_s: float | Sequence[float] = 3600.0
    predicted_share: float = 1.0

    @property
    def deadlines_s(self) -> Sequence[float]:
        """Of the batch jobs, in turn."""
        one = self.deadline_s
        return (one,) if isinstance(one, int | float) else one

    def __post_init__(self) -> None:
        if not (self.batch_share >= 0 and self.job_every_s > 0 and min(self.deadlines_s) > 0):
            raise InvalidWorkloadError(
                f"batch_share is {self.batch_share}, job_every_s {self.job_every_s} and deadline_s "
                f"{self.deadline_s}: expected a share of at least 0, and times above 0"
            )

    def draw(self, seed: int, setting: FleetSetting) -> FleetRequests:
        """Requests of both classes; the same seed gives the same ones."""
        interactive = self.interactive.draw(self.count, self.rate_per_s, seed)
        jobs = max(1, int(interactive.span_s // self.job_every_s))
        each = round(self.count * self.batch_share / jobs)
        batch = [self._job(each, place, seed) for place in range(jobs)] if each else []
        served = FleetRequests.from_classes(interactive, batch, self.deadlines_s, setting.slo)
        if self.predicted_share >= 1:
            return served
        return replace(served, predicted_until_s=self.predicted_share * interactive.span_s)

    def _job(self, count: int, place: int, seed: int) -> Requests:
        drawn = self.batch.draw(count, math.inf, BATCH_SEEDS + 1_000 * seed + place)
        return replace(drawn, arrival_s=drawn.arrival_s + place * self.job_every_s)


@dataclass(frozen=True, slots=True)
class FleetRun:
    """One simulation and its row."""

    summary: FleetSummary
    result: FleetResult


def compare(
    workload: FleetWorkload,
    names: Sequence[str],
    setting: FleetSetting,
    *,
    seeds: Sequence[int],
    every_s: float = 15.0,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[FleetRun]:
    """Every policy on the same requests, seed by seed.

    Args:
        workload: Drawn anew for each seed.
        names: Of the policies, as `contender` reads them.
        setting: What they have in common.
        seeds: One draw of the workload for each.
        every_s: Simulated seconds between two decisions of a policy, above 0.
        on_progress: Called with the number of requests that completed since the last call.
    """
    for seed in seeds:
        served = workload.draw(seed, setting)
        for name in names:
            one = contender(name, setting)
            options = FleetOptions(
                setting.capacity, one.router, every_s, ((one.pool, setting.least),), setting.quota
            )
            result = simulate_fleet(
                served, one.policy, options, rule=one.rule, on_progress=on_progress
            )
            summary = FleetSummary.from_result(result, setting.slo, policy=one.name, seed=seed)
            yield FleetRun(summary, result)
