"""How long a request would wait now under first come first served, by what came and what ended."""

import math

from lengthwise.scheduling.recent_values import RecentValues
from lengthwise.scheduling.rule import FinishedJob

FIRST_FINISHED = 8
"""Endings, beside one for each slot seen, before the slots are known well enough to count with."""

SETTLED_PER_SLOT = 3
"""Endings for each slot seen, beside those first, after which their number will hardly change."""

LOST_AFTER = 4
"""A request older than this many of the longest stays of late is taken for aborted unseen."""

MAX_IN_FLIGHT = 4_096
"""Requests that are counted at most: beyond, the oldest are not, and a wait this long suffices."""

SAME_TIME = 0.01
"""Of a mean service time: what lies closer happened in one step of the engine."""

KEPT = 0.995
"""Of each sum with every ending: about 200 endings count."""

LONGEST_KEPT = 0.999
"""Of the longest stay, with every ending: after 1,000 of them a third of it is left."""

REMEMBERED_TIMES = 1_024
"""Starts and ends that are kept: more slots than these could not be told from so many."""

REMEMBERED_TOGETHER = 256
"""Starts of late of which the most that ran at once counts: a change of slots shows after them."""


class QueueMeter:
    """Measures the work that waits, from requests that came and ended.

    The work in flight, less what runs, over the slots that serve it. How many slots there are the
    engine says, or it shows in how many of the finished requests ran at once; that predictions are
    too high or too low on the whole, in what they came to. All of it holds as well for one of
    several front ends, which sees its share of the requests and so of the slots.
    """

    def __init__(self) -> None:
        self._in_flight: dict[float, list[float]] = {}
        self._count = 0
        self._work_s = 0.0
        self._starts_s = RecentValues(REMEMBERED_TIMES)
        self._ends_s = RecentValues(REMEMBERED_TIMES)
        self._together = RecentValues(REMEMBERED_TOGETHER)
        self._slots = 0.0
        self._longest_s = 0.0
        self._finished = 0.0
        self._predicted_s = 0.0
        self._service_s = 0.0
        self._predicted_while_running_s2 = 0.0

    def arrived(self, arrival_s: float, predicted_s: float) -> None:
        """Count a request in."""
        self._drop_lost(arrival_s)
        self._work_s += predicted_s
        self._count += 1
        self._in_flight.setdefault(arrival_s, []).append(predicted_s)
        if self._count > MAX_IN_FLIGHT:
            self._take(next(iter(self._in_flight)))

    def finished(self, job: FinishedJob) -> None:
        """Count a request out, and learn from it unless it never ran."""
        predicted_s = self._take(job.arrival_s)
        self._longest_s = max(self._longest_s * LONGEST_KEPT, job.queued_s + job.service_s)
        if not job.service_s or predicted_s is None:
            return
        start_s = job.arrival_s + job.queued_s
        self._starts_s.add(start_s)
        self._ends_s.add(start_s + job.service_s)
        self._together.add(job.batch_size or self._running_at(start_s))
        most = self._together.quantile(1.0)
        self._slots = most if len(self._starts_s) >= FIRST_FINISHED + most else 0.0
        self._finished = KEPT * self._finished + 1
        self._predicted_s = KEPT * self._predicted_s + predicted_s
        self._service_s = KEPT * self._service_s + job.service_s
        self._predicted_while_running_s2 = (
            KEPT * self._predicted_while_running_s2 + predicted_s * job.service_s
        )

    @property
    def slots(self) -> float:
        """Requests that ran at once, at most, of late; 0 while too few ended to know."""
        return self._slots

    @property
    def is_settled(self) -> bool:
        """Whether enough ended that the slots are not taken for fewer than they are."""
        return len(self._starts_s) >= FIRST_FINISHED + SETTLED_PER_SLOT * (self._slots or math.inf)

    @property
    def mean_service_s(self) -> float:
        """Of the requests that ended of late; 0 before the first."""
        return self._service_s / self._finished if self._finished else 0.0

    def fcfs_wait_s(self) -> float:
        """The wait of one that came now, if all were served in order of arrival.

        The work in flight is that of the waiting and the running. Who looks at a running request
        finds a long one the more often the longer it runs, so its mean is weighted by service time.
        """
        if not self._slots:
            return 0.0
        running_s = self._predicted_while_running_s2 / self._service_s
        waiting_s = max(0.0, self._work_s / self._slots - running_s)
        return waiting_s * self._service_s / self._predicted_s if self._predicted_s else 0.0

    def _running_at(self, start_s: float) -> int:
        """Of the finished requests, those that ran then: it started as another one ended."""
        then_s = start_s + SAME_TIME * self.mean_service_s
        return self._starts_s.at_or_under(then_s) - self._ends_s.at_or_under(then_s)

    def _take(self, arrival_s: float) -> float | None:
        """Remove a request, or the oldest in its stead if none came at that time."""
        if not self._in_flight:
            return None
        found = arrival_s if arrival_s in self._in_flight else next(iter(self._in_flight))
        group = self._in_flight[found]
        predicted_s = group.pop(0)
        if not group:
            del self._in_flight[found]
        self._count -= 1
        self._work_s = self._work_s - predicted_s if self._in_flight else 0.0
        return predicted_s

    def _drop_lost(self, now_s: float) -> None:
        """Forget requests of which no ending was seen."""
        oldest_s = now_s - LOST_AFTER * self._longest_s
        while self._longest_s and self._in_flight:
            arrival_s = next(iter(self._in_flight))
            if arrival_s >= oldest_s:
                return
            self._take(arrival_s)
