"""From what is needed to what is asked for: up at once, down slowly, and never back and forth."""

from collections.abc import Iterable

from autoscaler.core.fleet import PastNeed, Pool


def in_band(current: int, fewest: int, most: int) -> int:
    """Keep what there is if it lies between two needs, else go to the nearer one.

    Args:
        current: Instances that are ready or starting, at least 0.
        fewest: Needed so that the load is under the level at which one is added.
        most: Needed so that it is over the level at which one is taken away; at least `fewest`.
    """
    return max(fewest, min(current, most))


def held_down(need: int, current: int, recent: Iterable[int]) -> int:
    """Go up at once; go down only to the most that was needed of late.

    What a stabilisation window of the HPA's does, with the past given rather than kept, so that
    asking twice gives the same answer.

    Args:
        need: Instances that are needed now, at least 0.
        current: Instances that are ready or starting, at least 0.
        recent: Needs of earlier decisions that still count.
    """
    return need if need >= current else min(current, max([need, *recent]))


def recent_needs(past: Iterable[PastNeed], pool: Pool, now_s: float, window_s: float) -> list[int]:
    """The needs of a pool at the decisions of the last `window_s` seconds."""
    return [
        one.instances[pool]
        for one in past
        if pool in one.instances and 0 <= now_s - one.at_s <= window_s
    ]
