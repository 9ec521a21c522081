"""llm-d's rule on latency: the worse of two tails against their SLOs, in a dead band.

After the control law of llm-d's guide to SLO-aware autoscaling with KEDA (2026), with the numbers
that it was published with. There the tails are predicted by a model that learns online; here they
are those of the requests that run or have ended, which the guide allows for.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from autoscaler.core.fleet import Pool
from autoscaler.core.slo import Slo
from serving_sim.fleet.instance import Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.policy import FleetView

TAIL = 90.0
"""Percentile of the latencies."""

TAIL_WINDOW_S = 60.0
"""Over which it is taken."""

MOST_SIGNAL = 2.0
"""At which a sample is cut off, so that one spike does not stay in the mean."""

SMOOTH_S = 45.0
"""Over which the samples are averaged."""

DOWN_OVER_UP = 0.40 / 0.55
"""Threshold of going down, over that of going up."""

UP_WINDOW_S, DOWN_WINDOW_S = 30.0, 180.0
"""Stabilisation: the least that was wanted of late counts up, the most counts down."""

UP_EVERY_S, UP_PODS = 60.0, 4
"""At most so many instances more, or as many as there are, in so many seconds."""

DOWN_EVERY_S = 120.0
"""At most one instance fewer in so many seconds."""


class LatencyPolicy:
    """Scales on the P90 of the times to first token and between tokens.

    Args:
        up: Share of the SLO above which the tail asks for more instances, above 0.
        slo: The times to first token and between tokens that are promised.
        least: The fewest instances that it asks for.
        most: The most instances that it asks for.
    """

    def __init__(self, up: float, slo: Slo, least: int, most: int) -> None:
        self.name = f"llm-d on latency {up:.0%}"
        self._up = up
        self._slo = slo
        self._least = least
        self._most = most
        self._ended: deque[FleetJob] = deque()
        self._samples: deque[tuple[float, float]] = deque()
        self._wishes: deque[tuple[float, int]] = deque()
        self._sizes: deque[tuple[float, int]] = deque()

    def arrived(self, job: FleetJob) -> None:
        """Nothing is learnt."""
        del job

    def finished(self, job: FleetJob) -> None:
        self._ended.append(job)

    def wanted(self, view: FleetView) -> Mapping[Pool, int]:
        now_s = view.now_s
        while self._ended and self._ended[0].completed_s < now_s - TAIL_WINDOW_S:
            self._ended.popleft()
        self._samples.append((now_s, min(MOST_SIGNAL, self._signal(view))))
        _drop_old(self._samples, now_s - SMOOTH_S)
        smooth = float(np.mean([value for _, value in self._samples]))
        there, ready = view.wanted, view.count(Phase.READY)
        self._wishes.append((now_s, self._wish(smooth, there, ready)))
        self._sizes.append((now_s, there))
        _drop_old(self._wishes, now_s - DOWN_WINDOW_S)
        _drop_old(self._sizes, now_s - max(UP_EVERY_S, DOWN_EVERY_S))
        return {Pool.MIXED: self._limited(there, now_s)}

    def _signal(self, view: FleetView) -> float:
        since_s = view.now_s - TAIL_WINDOW_S
        running = [(one, job) for one in view.instances for job in one.jobs()]
        begun = [*(job for _, job in running), *self._ended]
        first = [job.first_token_s - job.arrival_s for job in begun if job.first_token_s >= since_s]
        between = [(j.completed_s - j.first_token_s) / j.output_tokens for j in self._ended]
        for one, job in running:
            tokens = one.generated_tokens(job)
            if tokens > 1 and view.now_s > job.first_token_s:
                between.append((view.now_s - job.first_token_s) / tokens)
        shares = [
            float(np.percentile(times_s, TAIL)) / promised_s
            for times_s, promised_s in ((first, self._slo.ttft_s), (between, self._slo.itl_s))
            if times_s
        ]
        return max(shares, default=0.0)

    def _wish(self, signal: float, there: int, ready: int) -> int:
        """What starts already is credited on the way up: the signal is that of the ready ones."""
        down = self._up * DOWN_OVER_UP
        credit = ready / there if 0 < ready < there else 1.0
        if signal > self._up:
            wish = there + int(np.ceil(there * (signal * credit / self._up - 1)))
        elif signal < down:
            wish = there - int(there * (1 - signal / down))
        else:
            wish = there
        return max(self._least, min(self._most, wish))

    def _limited(self, there: int, now_s: float) -> int:
        recent = [wish for at_s, wish in self._wishes if at_s >= now_s - UP_WINDOW_S]
        up, down = min(recent), max(wish for _, wish in self._wishes)
        if up > there:
            before = min(size for at_s, size in self._sizes if at_s >= now_s - UP_EVERY_S)
            return min(up, before + max(UP_PODS, before))
        if down < there:
            before = max(size for _, size in self._sizes)
            return max(down, before - 1)
        return there


def _drop_old(values: deque[tuple[float, float]] | deque[tuple[float, int]], cut_s: float) -> None:
    while values and values[0][0] < cut_s:
        values.popleft()
