"""What a decision goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.checks import above, at_least
from autoscaler.core.fleet import Pool
from autoscaler.core.slo import Slo
from autoscaler.errors import InvalidStateError


class InteractiveRule(StrEnum):
    """How interactive instances are reckoned.

    OCCUPANCY: slots that are and will be taken. BACKPRESSURE: Chiron's IBP, as published.
    """

    OCCUPANCY = "occupancy"
    BACKPRESSURE = "backpressure"


class Lending(StrEnum):
    """Which of the instances for interactive requests are lent to batch requests as mixed ones.

    HEADROOM: those kept for bursts alone, as Chiron has it. ALL: all but the interactive pool's
    least, so that no slot stays empty while batch requests wait: what counts where there are fewer
    instances than are wanted.
    """

    HEADROOM = "headroom"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How few and how many instances a pool may have.

    Args:
        least: At least 0; 0 lets the pool go to zero while nothing asks for it.
        most: Instances at most, at least as many as `least`.
    """

    least: int = 0
    most: int = 100

    def __post_init__(self) -> None:
        at_least(0, least=self.least)
        at_least(self.least, most=self.most)

    def clamp(self, instances: int) -> int:
        """The nearest number that is allowed."""
        return max(self.least, min(self.most, instances))


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """All that a decision goes by beside the state.

    Args:
        capacity: What one instance gives, all alike.
        slo: What is promised to each class of requests.
        limits: By pool; one that is missing has none at all (a most of 0).
        interactive_rule: How interactive instances are reckoned.
        utilisation: Share of the slots that interactive requests are to take, in (0, 1].
        band: Share of that by which the load must be lower before one is taken away, in [0, 1).
        headroom: Mixed instances for each interactive one, for bursts that no length foretells.
        lending: Which instances for interactive requests are mixed ones.
        deviations: Above the forecast's mean that slots are kept for.
        ibp_threshold: Of the backpressure rule, in (0, 1); the paper's is about 1/3.
        ibp_band: Half of its dead band.
        batch_level: Quantile of the batch work for which deadlines are to hold, in [0.5, 1).
        down_window_s: Seconds for which a need keeps its instances.
        stale_after_s: Age of a state from which on it only holds: three scrapes.

    Raises:
        InvalidStateError: If a number is out of range, or the SLO cannot be met by any instance.
    """

    capacity: InstanceCapacity
    slo: Slo = field(default_factory=Slo)
    limits: Mapping[Pool, PoolLimits] = field(
        default_factory=lambda: {pool: PoolLimits() for pool in Pool}
    )
    interactive_rule: InteractiveRule = InteractiveRule.OCCUPANCY
    utilisation: float = 0.85
    band: float = 0.2
    headroom: float = 0.25
    lending: Lending = Lending.HEADROOM
    deviations: float = 2.0
    ibp_threshold: float = 1 / 3
    ibp_band: float = 0.1
    batch_level: float = 0.9
    down_window_s: float = 120.0
    stale_after_s: float = 45.0

    def __post_init__(self) -> None:
        above(0, utilisation=self.utilisation, ibp_threshold=self.ibp_threshold)
        at_least(0, band=self.band, headroom=self.headroom, deviations=self.deviations)
        at_least(0, ibp_band=self.ibp_band, down_window_s=self.down_window_s)
        above(0, stale_after_s=self.stale_after_s)
        for name, value, low, high in (
            ("utilisation", self.utilisation, 0, 1),
            ("band", self.band, 0, 0.99),
            ("ibp_threshold", self.ibp_threshold, 0, 1),
            ("batch_level", self.batch_level, 0.5, 0.9999),
        ):
            if not low <= value <= high:
                raise InvalidStateError(f"{name} is {value}: expected {low} to {high}")
        self.capacity.slots_within(self.slo.itl_s)
        self.capacity.slots_within(self.slo.batch_itl_s)

    def limits_of(self, pool: Pool) -> PoolLimits:
        """Those of one pool."""
        return self.limits.get(pool, PoolLimits(0, 0))
