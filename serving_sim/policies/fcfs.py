"""First come, first served: vLLM's own queue."""

from collections import deque

from serving_sim.job import Job
from serving_sim.policies.policy import Policy, RunningView


class FcfsPolicy(Policy):
    """Serves in the order of arrival; who is preempted goes to the front again.

    Where memory runs out, the last one admitted is preempted.
    """

    name = "fcfs"

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    def add(self, job: Job, now_s: float) -> None:
        """To the back."""
        del now_s
        self._waiting.append(job)

    def requeue(self, job: Job, now_s: float) -> None:
        """To the front."""
        del now_s
        self._waiting.appendleft(job)

    def head(self, now_s: float) -> Job | None:
        """The front."""
        del now_s
        return self._waiting[0] if self._waiting else None

    def take(self, now_s: float) -> Job:
        """The front."""
        del now_s
        return self._waiting.popleft()

    def __len__(self) -> int:
        return len(self._waiting)

    def victim(self, view: RunningView) -> Job:
        """The last one admitted."""
        return list(view.running)[-1]
