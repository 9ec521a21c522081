"""Scheduling by a learnt order alone."""

from serving_sim.job import Job
from serving_sim.policies.policy import RunningView
from serving_sim.policies.ranked import PatientPolicy

PROMOTED = -1.0
"""Below every score."""


class LtrPolicy(PatientPolicy):
    """Preemptive, by a fixed score, with a guard against starvation.

    After Fu et al. (2024, "Efficient LLM Scheduling by Learning to Rank", arXiv 2408.15792): the
    order of scores is all that counts, running requests keep theirs, and one that has not run for
    `patience_s` is promoted: it goes before all others, and stays on until it has generated
    `quantum_tokens` more.

    Args:
        patience_s: Time not running after which a request is promoted.
        quantum_tokens: That a promoted request generates undisturbed.
        margin: By which a score must be better to displace a running request.
        review_tokens: How often it is seen that a quantum has ended.
    """

    name = "ltr"

    def __init__(
        self,
        *,
        patience_s: float = 60.0,
        quantum_tokens: int = 128,
        margin: float = 0.0,
        review_tokens: int = 16,
    ) -> None:
        super().__init__(patience_s=patience_s, margin=margin, review_tokens=review_tokens)
        self._quantum_tokens = quantum_tokens
        self._promoted: dict[Job, int] = {}  # to the tokens at which its quantum ends

    def rank(self, job: Job, generated_tokens: int) -> float:
        """The score; that of a promoted request is below all."""
        until = self._promoted.get(job)
        if until is not None and generated_tokens < until:
            return PROMOTED
        self._promoted.pop(job, None)
        return job.predicted_tokens

    def waited_too_long(self, job: Job, now_s: float) -> None:
        """Promoted."""
        del now_s
        self._promoted[job] = job.generated_tokens + self._quantum_tokens
        self.place(job, PROMOTED)

    def review_steps(self, view: RunningView) -> int | None:
        """Scores stay, but quanta end."""
        return super().review_steps(view) if self._promoted else None

    def finished(self, job: Job) -> None:
        """It is no longer promoted."""
        self._promoted.pop(job, None)
