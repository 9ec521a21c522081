"""SSJF as it was published: shortest predicted job first, until one has waited too long."""

from collections import deque

from lengthwise.scheduling.rules import ShortestRule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.job import Job
from serving_sim.policies.rule_policy import RulePolicy


class StarvationPolicy(RulePolicy):
    """Shortest first with the starvation rule of Qiu et al. (2024, arXiv 2404.08509).

    Whoever has waited for over 100 s, or 10 times its duration, goes first. As in their code only
    the one that came first is looked at. They compare with the true duration, which no scheduler
    knows; this compares with the predicted one.

    Args:
        service_time: What a predicted length amounts to.
        overhead_s: Of a request beside its tokens.
        patience_s: The longest wait.
        patience_factor: The longest wait, in predicted durations.
        name: In the results.
    """

    def __init__(
        self,
        service_time: ServiceTimeModel,
        *,
        overhead_s: float = 0.0,
        patience_s: float = 100.0,
        patience_factor: float = 10.0,
        name: str = "ssjf",
    ) -> None:
        super().__init__(ShortestRule(), service_time, name)
        self._model = service_time
        self._overhead_s = overhead_s
        self._patience_s = patience_s
        self._patience_factor = patience_factor
        self._arrived: deque[Job] = deque()
        self._gone: set[Job] = set()

    def put_back(self, job: Job, now_s: float) -> None:
        """It waits again, from its arrival as far as patience goes."""
        super().put_back(job, now_s)
        if job in self._gone:
            self._gone.discard(job)
        elif job.preemptions:
            self._arrived.appendleft(job)
        else:
            self._arrived.append(job)

    def head(self, now_s: float) -> Job | None:
        """The first that came if it has waited too long, else the shortest."""
        starving = self._starving(now_s)
        return starving or super().head(now_s)

    def take(self, now_s: float) -> Job:
        """The head."""
        starving = self._starving(now_s)
        if starving is None:
            job = super().take(now_s)
        else:
            job = starving
            self.remove(job)
        self._gone.add(job)
        return job

    def _starving(self, now_s: float) -> Job | None:
        while self._arrived and self._arrived[0] in self._gone:
            self._gone.discard(self._arrived.popleft())
        if not self._arrived:
            return None
        first = self._arrived[0]
        predicted_s = self._overhead_s + self._model.service_time_s(
            first.predicted_tokens, first.input_tokens
        )
        waited_s = now_s - first.arrival_s
        too_long = waited_s > min(self._patience_s, self._patience_factor * predicted_s)
        return first if too_long else None
