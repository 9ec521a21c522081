"""What the engines hold and nobody reported, by the class that it may be of."""

from dataclasses import dataclass

from autoscaler.core.fleet import FleetState, Pool


@dataclass(frozen=True, slots=True)
class Unreported:
    """Requests that run or wait in engines beyond those that were reported.

    Args:
        interactive: In interactive and mixed engines.
        batch: In engines that serve batch requests alone.
    """

    interactive: int
    batch: int

    @classmethod
    def of(cls, seen: FleetState, interactive: int, batch: int) -> "Unreported":
        """What reported requests do not explain, where each of them may be.

        Interactive engines hold no batch requests and batch engines nothing else, whatever is
        reported; mixed ones hold either, as does the interactive pool where there is no other.
        Where a request is, or whether it is in an engine yet, is not always told. So reported batch
        requests explain first what batch engines hold, then what those do that hold either, and of
        what is left there somebody may wait for it.

        Args:
            seen: The state by the engines' metrics.
            interactive: Interactive requests that were reported and are open.
            batch: Batch requests that were reported and are open.
        """
        held = {pool: seen.instances(pool).held_requests for pool in Pool}
        has_others = any(pool in seen.pools for pool in (Pool.MIXED, Pool.BATCH))
        either = held[Pool.MIXED if has_others else Pool.INTERACTIVE]
        explained = min(either, max(0, batch - held[Pool.BATCH]))
        maybe_interactive = held[Pool.INTERACTIVE] + held[Pool.MIXED] - explained
        return cls(max(0, maybe_interactive - interactive), max(0, held[Pool.BATCH] - batch))
