"""The tail guard: shortest first by as much as the queue's own wait allows.

Three things keep the tail near that of first come first served. The longest 28 % of the requests
are not ordered by length at all, only by arrival. The others get a head start instead of the long
ones a handicap, so that one who came early is never put off by what is learnt later. And the head
start is measured in the wait that first come first served would give now, since a fixed one does
nothing in a long queue and too much in a short one.
"""

from math import exp

from lengthwise.scheduling.checks import checked_not_negative
from lengthwise.scheduling.keys import aged_key
from lengthwise.scheduling.queue_meter import QueueMeter
from lengthwise.scheduling.recent_values import RecentValues
from lengthwise.scheduling.rule import FinishedJob, PriorityRule, QueuedJob

GROWTH_MARGIN = 2.0
"""Mean service times added to a queue's age, so that its first requests make no steep growth."""

START = 4.0
"""Mean service times of head start while too few ended to tell whether a queue has formed."""

RANKED = 500
"""Requests of late among which one is ranked."""

MEMORY = 2_000.0
"""Mean service times in which the peak of the wait is forgotten."""


class GuardedRule(PriorityRule):
    """The key is arrival - head start * (1 - min(1, rank / long_rank) ** shape).

    The rank is that of the predicted service time among those of late, from 0, the shortest, to 1.
    The head start is

        floor * mean service time + steady * peak wait + burst * growth**2 * wait

    with the wait that first come first served would give now, its peak of late, and growth, the
    wait over the age of the queue, at most 1: a queue that grows fast is a burst, behind which the
    long requests catch up, while one that grows slowly will last, and what the short ones gain the
    long ones lose. Before the first requests have ended it is START mean service times.

    Args:
        steady: Seconds of head start per second of the peak wait, at least 0. The larger these
            three, the nearer to shortest first.
        burst: The same per second of the wait in a queue that grows fast, at least 0.
        floor: The same per second of the mean service time, at least 0; at 0 there is no head
            start before the first endings, too.
        long_rank: From this rank on, in (0, 1], requests are long: first come first served.
        shape: Exponent in (0, 10]. At 1 the head start falls evenly with the rank; above, the
            shortest differ less.

    Raises:
        ValueError: If an option is out of range.
    """

    name = "guarded"

    def __init__(
        self,
        steady: float = 0.4,
        burst: float = 16.0,
        floor: float = 0.8,
        long_rank: float = 0.72,
        shape: float = 2.5,
    ) -> None:
        for name, value in (("steady", steady), ("burst", burst), ("floor", floor)):
            checked_not_negative(value, name)
        if not 0 < long_rank <= 1:
            raise ValueError(f"long_rank is {long_rank}: expected a rank in (0, 1]")
        if not 0 < shape <= 10:
            raise ValueError(f"shape is {shape}: expected an exponent in (0, 10]")
        self._steady, self._burst, self._floor = steady, burst, floor
        self._long_rank, self._shape = long_rank, shape
        self._times_s = RecentValues(RANKED)
        self._meter = QueueMeter()
        self._peak_s = 0.0
        self._latest_head_start_s = 0.0
        self._latest_s = float("-inf")
        self._queue_since_s = float("-inf")

    def key(self, job: QueuedJob) -> int:
        """Arrival less the head start, in microseconds."""
        self._times_s.add(job.service_time_s)
        head_start_s = self._head_start_s(job.arrival_s)
        self._meter.arrived(job.arrival_s, job.service_time_s)
        self._latest_head_start_s = head_start_s
        return self.provisional_key(job)

    def provisional_key(self, job: QueuedJob) -> int:
        """The same with the head start that was given last; the arrival before the first."""
        if not len(self._times_s):
            return aged_key(job.arrival_s, 0.0)
        rank = self._times_s.rank(job.service_time_s)
        share = 1 - min(1.0, rank / self._long_rank) ** self._shape
        return aged_key(job.arrival_s - self._latest_head_start_s * share, 0.0)

    def finished(self, job: FinishedJob) -> None:
        """Learn what requests take and how many run at once."""
        self._meter.finished(job)

    def _head_start_s(self, now_s: float) -> float:
        """What the shortest request gets now."""
        mean_s = self._meter.mean_service_s or self._times_s.quantile(0.5)
        if not self._meter.slots:
            self._queue_since_s = now_s
            return START * mean_s if self._floor else 0.0
        wait_s = self._meter.fcfs_wait_s()
        if not wait_s:
            self._queue_since_s = now_s
        self._remember_peak(wait_s, now_s, mean_s)
        age_s = max(0.0, now_s - self._queue_since_s) + GROWTH_MARGIN * mean_s
        growth = min(1.0, wait_s / age_s) if age_s else 0.0
        growing_s = self._burst * growth**2 * wait_s
        return self._floor * mean_s + self._steady * self._peak_s + growing_s

    def _remember_peak(self, wait_s: float, now_s: float, mean_s: float) -> None:
        """The greatest wait of late; it fades."""
        passed_s = max(0.0, now_s - self._latest_s)
        faded_s = self._peak_s * exp(-passed_s / (MEMORY * mean_s)) if mean_s else 0.0
        # A first guess at the wait may be far too high: it is used, but not kept.
        self._peak_s = max(wait_s, faded_s) if self._meter.is_settled else wait_s
        self._latest_s = max(now_s, self._latest_s)
