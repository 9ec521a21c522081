"""What an order of jobs does to their completion times: all waiting at once, a few slots.

A preview, not the simulator: no arrivals, no batching effects, each job alone in its slot.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True, slots=True)
class CompletionTimes:
    """Job completion times of one schedule, in seconds from when all were waiting."""

    mean_s: float
    median_s: float
    longest_s: float


def completion_times(
    durations_s: Sequence[float], order: Sequence[int], slots: int
) -> CompletionTimes:
    """Run jobs in an order on some slots: a free slot takes the next job.

    Args:
        durations_s: How long each job runs, in seconds.
        order: Indices of jobs, first to run first.
        slots: Jobs that run at once, at least 1.
    """
    free_at = [0.0] * slots
    completed: list[float] = []
    for job in order:
        end = heapq.heappop(free_at) + durations_s[job]
        heapq.heappush(free_at, end)
        completed.append(end)
    completed.sort()
    return CompletionTimes(fmean(completed), completed[len(completed) // 2], completed[-1])
