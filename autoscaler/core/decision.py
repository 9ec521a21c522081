"""What is asked for, and why, in words and numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoscaler.core.demand import Knowledge
from autoscaler.core.fleet import PastNeed, Pool


@dataclass(frozen=True, slots=True)
class PoolDecision:
    """The instances of one pool.

    Args:
        current: Instances that are ready or starting now.
        needed: By what waits and runs, within the pool's limits, before damping.
        wanted: That should be there: what KEDA is told.
        reason: Why, with its numbers, for people.
        ready: Of the current ones those that serve.
    """

    current: int
    needed: int
    wanted: int
    reason: str
    ready: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision for the whole fleet.

    Args:
        at_s: When, on the clock of `now_s`.
        pools: What is decided, for each of the three pools.
        interactive_backpressure: Chiron's IBP, in [0, 1]; infinity with no instance.
        batch_backpressure: Chiron's BBP: groups that miss their deadline as things are.
        knowledge: The worst source of lengths that it rests on.
        held: What was seen is too old: nothing changes.
    """

    at_s: float
    pools: Mapping[Pool, PoolDecision]
    interactive_backpressure: float
    batch_backpressure: int
    knowledge: Knowledge
    held: bool = False

    @property
    def need(self) -> PastNeed | None:
        """For the next decisions' damping; None of one that was held, which knows no need."""
        if self.held:
            return None
        return PastNeed(self.at_s, {pool: one.needed for pool, one in self.pools.items()})

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        pressure = self.interactive_backpressure
        return {
            "at_s": self.at_s,
            "held": self.held,
            "knowledge": self.knowledge.name.lower(),
            # JSON has no infinity: null where requests ask and no instance is there.
            "interactive_backpressure": pressure if math.isfinite(pressure) else None,
            "batch_backpressure": self.batch_backpressure,
            "pools": {
                pool.value: {
                    "current": one.current,
                    "ready": one.ready,
                    "needed": one.needed,
                    "wanted": one.wanted,
                    "reason": one.reason,
                }
                for pool, one in self.pools.items()
            },
        }
