"""How many instances batch requests need, so that the earliest deadline first holds them all."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.demand import DeadlineGroup, TokenDemand
from autoscaler.core.waiting import work_s

LEAST_USE_S = 1.0
"""Seconds of use for which an instance is reckoned at least, should it start in no time."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """All that is to be done by a deadline, served earliest deadline first.

    Args:
        deadline_s: When, on the clock of `now_s`.
        left_s: Seconds from now until then; negative where it has passed.
        work_s: Seconds that one instance alone would take for this group and all before it.
    """

    deadline_s: float
    left_s: float
    work_s: float


@dataclass(frozen=True, slots=True)
class BatchNeed:
    """What batch requests ask for.

    Args:
        instances: Batch instances that hold every deadline that can still be held.
        backpressure: Chiron's BBP: groups that miss their deadline with the instances there are.
        tightest: The group that asks for most; None if nothing waits.
    """

    instances: int
    backpressure: int
    tightest: DueWork | None


def due_work(
    groups: Sequence[DeadlineGroup],
    capacity: InstanceCapacity,
    now_s: float,
    *,
    batch: int,
    level: float,
) -> Iterator[DueWork]:
    """The work due by each deadline: a sum over all groups up to it, at a quantile of the sum.

    Quantiles are taken of sums, not summed: the more requests, the tighter the bound.

    Args:
        groups: Batch requests by deadline, in any order.
        capacity: What one instance gives, all alike.
        now_s: The present, on the clock of the deadlines.
        batch: Requests that an instance runs at once, at least 1.
        level: Probability with which the work is not exceeded, in (0, 1).
    """
    so_far = TokenDemand()
    for group in sorted(groups, key=lambda group: group.deadline_s):
        so_far += group.demand
        seconds = work_s(so_far, capacity, batch, level)
        yield DueWork(group.deadline_s, group.deadline_s - now_s, seconds)


def batch_need(
    due: Sequence[DueWork], capacity: InstanceCapacity, *, present: int, lent: float
) -> BatchNeed:
    """The fewest batch instances under which all deadlines hold.

    Those that are there work from now on, those asked for now after a start-up. None is asked for
    that would be of use for less than its own start-up: a deadline nearer than two start-ups counts
    as that far, so that one which is lost cannot ask for the whole cluster.

    Args:
        due: What is due by each deadline, in their order, as `due_work` gives it.
        capacity: What one instance gives, all alike.
        present: Batch instances ready or starting, at least 0.
        lent: Instances' worth of mixed ones that batch requests may use.
    """
    worst, tightest = 0.0, None
    for work in due:
        needed = _instances_for(work, capacity, present, lent)
        if tightest is None or needed > worst:
            worst, tightest = needed, work
    missed = sum(1 for work in due if _is_missed(work, present + lent))
    instances = max(0, math.ceil(worst - 1e-9))
    if not instances and not lent and any(work.work_s > 0 for work in due):
        instances = 1  # however little it is, nobody else does it
    return BatchNeed(instances, missed, tightest)


def _instances_for(work: DueWork, capacity: InstanceCapacity, present: int, lent: float) -> float:
    use_s = max(work.left_s - capacity.start_up_s, capacity.start_up_s, LEAST_USE_S)
    window_s = use_s + capacity.start_up_s
    if work.work_s <= (present + lent) * window_s:
        return work.work_s / window_s - lent
    return present + (work.work_s - (present + lent) * window_s) / use_s


def _is_missed(work: DueWork, instances: float) -> bool:
    if not work.work_s:
        return False
    return work.left_s <= 0 or work.work_s > instances * work.left_s
