"""Multi-level feedback: no predictions, but what a request has had so far."""

import math

from serving_sim.job import Job
from serving_sim.policies.policy import RunningView
from serving_sim.policies.ranked import PatientPolicy

LEVEL = float(1 << 40)
"""Distance between the ranks of two levels: within one, first come is first served."""


class MlfqPolicy(PatientPolicy):
    """The skip-join multi-level feedback queue of FastServe (Wu et al. 2023, arXiv 2305.05920).

    A request may generate as many tokens on a level as its quantum, twice as many with each level
    down; then it goes down one. It joins at the level whose quantum its prompt's time fits into,
    skipping those above. Within a level it is first come first served, higher levels displace lower
    ones, and one that has waited for `patience_s` goes to the top again.

    Args:
        quantum_tokens: Tokens that a request may generate on the top level.
        levels: Number of levels, at least 1; on the last one nothing goes down further.
        token_per_input_token: The time of a prompt token, in tokens of the answer.
        patience_s: Time waited on a level after which a request goes to the top.
    """

    name = "mlfq"

    def __init__(
        self,
        *,
        quantum_tokens: int = 16,
        levels: int = 8,
        token_per_input_token: float = 0.0,
        patience_s: float = math.inf,
    ) -> None:
        super().__init__(patience_s=patience_s)
        self._quantum_tokens = quantum_tokens
        self._levels = levels
        self._token_per_input_token = token_per_input_token
        self._ends: dict[Job, int] = {}  # to the tokens at which its quantum ends
        self._turn = 0

    def add(self, job: Job, now_s: float) -> None:
        """Join at the level of the prompt."""
        first = max(1.0, job.input_tokens * self._token_per_input_token)
        skipped = math.ceil(math.log2(max(1.0, first / self._quantum_tokens)))
        self._join(job, min(skipped, self._levels - 1), 0)
        super().add(job, now_s)

    def waited_too_long(self, job: Job, now_s: float) -> None:
        """To the top."""
        del now_s
        if job.level > 0:
            self._join(job, 0, job.generated_tokens)
            self.place(job, job.rank)

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Its level and turn; a level lower whenever its quantum has ended."""
        while generated_tokens >= self._ends[job] and job.level < self._levels - 1:
            self._join(job, job.level + 1, self._ends[job])
        return job.rank

    def running_rank(self, view: RunningView, job: Job) -> float:
        """Exact at every token: quanta end when they end."""
        job.rank = self.rank(job, view.generated_tokens(job))
        return job.rank

    def review_steps(self, view: RunningView) -> int | None:
        """Until the first quantum of the running ends."""
        if not len(self):
            return None
        left = (
            self._ends[job] - view.generated_tokens(job)
            for job in view.running
            if job.level < self._levels - 1
        )
        return max(1, min(left, default=1 << 40))

    def finished(self, job: Job) -> None:
        """Forget its quantum."""
        del self._ends[job]

    def _join(self, job: Job, level: int, generated_tokens: int) -> None:
        job.level = level
        job.rank = level * LEVEL + self._turn
        self._turn += 1
        self._ends[job] = generated_tokens + (self._quantum_tokens << level)
