"""Scaling policies without predictions: fixed, by utilisation, by requests, by freeness."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from autoscaler.core.fleet import Pool
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.router import Router


@dataclass(slots=True)
class FleetView:
    """What a scaling policy sees.

    Args:
        now_s: The present, in virtual time.
        instances: All that are not stopped.
        router: Holds the requests that wait.
        batch_open: Batch requests that are not done, running ones included, by deadline.
        slots: Requests that an instance runs at once, at most.
    """

    now_s: float
    instances: list[Instance]
    router: Router
    batch_open: Mapping[float, Iterable[FleetJob]]
    slots: int

    def count(self, *phases: Phase, pool: Pool | None = None) -> int:
        """Instances in one of these phases."""
        return sum(
            1
            for one in self.instances
            if one.phase in phases and (pool is None or one.pool is pool)
        )

    @property
    def wanted(self) -> int:
        """Instances ready or starting."""
        return self.count(Phase.READY, Phase.STARTING)

    @property
    def running(self) -> int:
        """Requests that run."""
        return sum(one.running for one in self.instances)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self.router.interactive_waiting + self.router.batch_waiting


class ScalingPolicy(Protocol):
    """Says how many instances there should be; may remember."""

    name: str
    """By which it stands in the results."""

    def arrived(self, job: FleetJob) -> None:
        """A request came."""
        ...

    def finished(self, job: FleetJob) -> None:
        """A request ended."""
        ...

    def wanted(self, view: FleetView) -> Mapping[Pool, int]:
        """Instances by pool; a pool that is missing gets none."""
        ...


class _OnePool(ABC):
    """Bounds and a stabilisation window, as the HPA has them, over instances that serve all."""

    name = ""

    def __init__(self, least: int, most: int, down_window_s: float = 300.0) -> None:
        self._least = least
        self._most = most
        self._down_window_s = down_window_s
        self._recent: list[tuple[float, int]] = []

    def arrived(self, job: FleetJob) -> None:
        """Nothing is learnt."""
        del job

    def finished(self, job: FleetJob) -> None:
        """Nothing is learnt."""
        del job

    def wanted(self, view: FleetView) -> Mapping[Pool, int]:
        desired = max(self._least, min(self._most, self.desired(view)))
        self._recent.append((view.now_s, desired))
        cut_s = view.now_s - self._down_window_s
        self._recent = [one for one in self._recent if one[0] >= cut_s]
        if desired < view.wanted:
            desired = min(view.wanted, max(count for _, count in self._recent))
        return {Pool.MIXED: desired}

    @abstractmethod
    def desired(self, view: FleetView) -> int:
        """Before bounds and window."""


class StaticPolicy(_OnePool):
    """Always as many.

    Args:
        instances: Number of instances, at least 1.
    """

    def __init__(self, instances: int) -> None:
        super().__init__(instances, instances)
        self.name = f"static {instances}"

    def desired(self, view: FleetView) -> int:
        del view
        return self._least


class UtilisationPolicy(_OnePool):
    """The HPA on the share of the slots that are taken: ceil(N * utilisation / target).

    Requests that wait do not count, as with a metric that cannot exceed 100 %.

    Args:
        target: Utilisation aimed at, in (0, 1].
        least: The fewest instances that it asks for.
        most: The most instances that it asks for.
        tolerance: Of the ratio within which nothing changes; the HPA's default.
    """

    def __init__(self, target: float, least: int, most: int, tolerance: float = 0.1) -> None:
        super().__init__(least, most)
        self.name = f"HPA on utilisation {target:.0%}"
        self._target = target
        self._tolerance = tolerance

    def desired(self, view: FleetView) -> int:
        ready = max(1, view.count(Phase.READY))
        ratio = view.running / (ready * view.slots) / self._target
        if abs(ratio - 1) <= self._tolerance:
            return view.wanted
        return math.ceil(ready * ratio)


class QueuePolicy(_OnePool):
    """KEDA on the number of requests: ceil((running + waiting) / a number for each instance).

    Args:
        each: Requests for each instance, above 0.
        least: The fewest instances that it asks for.
        most: The most instances that it asks for.
    """

    def __init__(self, each: float, least: int, most: int) -> None:
        super().__init__(least, most)
        self.name = f"KEDA on {each:g} requests"
        self._each = each

    def desired(self, view: FleetView) -> int:
        return math.ceil((view.running + view.waiting) / self._each)


class FreenessPolicy(_OnePool):
    """After Llumnix (Sun et al. 2024, arXiv 2406.03243): mean free share held within two bounds.

    One more while less is free than `low`, one fewer while more is free than `high`; what waits
    counts as load. Migration between instances is not simulated: no instance here is short of
    memory.

    Args:
        low: Free share of the slots below which one is added.
        high: Free share above which one is taken away.
        least: The fewest instances that it asks for.
        most: The most instances that it asks for.
    """

    def __init__(self, low: float, high: float, least: int, most: int) -> None:
        super().__init__(least, most, down_window_s=60.0)
        self.name = f"Llumnix-like {low:.0%} to {high:.0%} free"
        self._low = low
        self._high = high

    def desired(self, view: FleetView) -> int:
        ready = max(1, view.count(Phase.READY))
        free = 1 - (view.running + view.waiting) / (ready * view.slots)
        if free < self._low:
            return view.wanted + 1
        return view.wanted - 1 if free > self._high else view.wanted
