"""The fleet as it was last seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from autoscaler.core.checks import at_least
from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand
from autoscaler.core.interactive import OccupancyForecast


class Pool(StrEnum):
    """Chiron's three kinds of instances.

    Interactive ones serve interactive requests alone. Mixed ones are headroom for them, lent to
    batch requests, which are preempted when interactive ones come. Batch ones serve batch alone.
    """

    INTERACTIVE = "interactive"
    MIXED = "mixed"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class PoolInstances:
    """The instances of one pool.

    Args:
        ready: That serve, at least 0.
        starting: Asked for, and not yet serving.
        draining: That end what they run and take nothing new.
        busy_interactive: Of the ready ones, those that run any interactive request.
        held_requests: That run or wait in the ready ones, of either class.
    """

    ready: int = 0
    starting: int = 0
    draining: int = 0
    busy_interactive: int = 0
    held_requests: int = 0

    def __post_init__(self) -> None:
        at_least(0, ready=self.ready, starting=self.starting, draining=self.draining)
        at_least(0, busy_interactive=self.busy_interactive, held_requests=self.held_requests)

    @property
    def wanted(self) -> int:
        """Instances that serve or will: what the last decision asked for."""
        return self.ready + self.starting


@dataclass(frozen=True, slots=True)
class InteractiveDemand:
    """What interactive requests take now and soon.

    Args:
        running: That run now, at least 0.
        waiting: That wait for a slot.
        forecast: Slots that will be occupied when an instance asked for now would serve; None if
            nothing is known but what runs.
    """

    running: int = 0
    waiting: TokenDemand = field(default_factory=TokenDemand)
    forecast: OccupancyForecast | None = None

    def __post_init__(self) -> None:
        at_least(0, running=self.running)


@dataclass(frozen=True, slots=True)
class PastNeed:
    """What was needed at an earlier decision, undamped: so that damping needs no memory.

    Args:
        at_s: When, on the clock of `now_s`.
        instances: Instances that were needed, by pool.
    """

    at_s: float
    instances: Mapping[Pool, int]


@dataclass(frozen=True, slots=True)
class FleetState:
    """All that a decision looks at.

    Args:
        observed_s: When it was seen, on the clock of `now_s`.
        pools: Instances, by pool; a pool that is missing has none.
        interactive: What interactive requests take now and soon.
        batch: Demand of batch requests, by deadline, in any order.
        past_needs: Of earlier decisions, in any order; the recent ones damp.
    """

    observed_s: float
    pools: Mapping[Pool, PoolInstances]
    interactive: InteractiveDemand = field(default_factory=InteractiveDemand)
    batch: Sequence[DeadlineGroup] = ()
    past_needs: Sequence[PastNeed] = ()

    def instances(self, pool: Pool) -> PoolInstances:
        """Those of one pool."""
        return self.pools.get(pool, PoolInstances())

    @property
    def knowledge(self) -> Knowledge:
        """The worst source of lengths in use."""
        groups = [self.interactive.waiting, *(group.demand for group in self.batch)]
        known = [demand.knowledge for demand in groups if demand.requests]
        return max(known, default=Knowledge.PREDICTIONS)
