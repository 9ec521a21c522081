"""Shortest remaining processing time first, and its like for lengths that are not known."""

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.gittins import gittins_rank
from serving_sim.job import Job
from serving_sim.policies.ranked import RankedPolicy


def expected_remaining_tokens(job: Job, generated_tokens: int) -> float:
    """Tokens expected to come after so many.

    With a distribution, the mean of what remains of it; without one, the prediction less what has
    come, and of a request that outlived its prediction as much again as it has generated.
    """
    if job.distribution is not None:
        return job.distribution.remaining(generated_tokens).mean()
    left = job.predicted_tokens - generated_tokens
    return left if left > 0 else float(max(1, generated_tokens))


class SrptPolicy(RankedPolicy):
    """Fewest predicted tokens to go first; what remains is estimated again as tokens come."""

    name = "srpt"

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Tokens expected to come."""
        return expected_remaining_tokens(job, generated_tokens)


class GittinsPolicy(RankedPolicy):
    """Smallest Gittins rank first, computed again as tokens come (Gittins 1989).

    Ranks of the same distribution at the same number of tokens are computed once. Without a
    distribution it ranks by what remains of the prediction.
    """

    name = "gittins"

    def __init__(
        self, *, margin: float = 0.0, max_preemptions: int | None = None, review_tokens: int = 16
    ) -> None:
        super().__init__(
            margin=margin, max_preemptions=max_preemptions, review_tokens=review_tokens
        )
        self._known: dict[int, tuple[LengthDistribution, dict[int, float]]] = {}

    def rank(self, job: Job, generated_tokens: int) -> float:
        """Tokens per completion, at the best moment to stop."""
        distribution = job.distribution
        if distribution is None:
            return max(1.0, job.predicted_tokens - generated_tokens)
        # By identity, which the entry itself keeps from being given to another.
        ranks = self._known.setdefault(id(distribution), (distribution, {}))[1]
        if generated_tokens not in ranks:
            ranks[generated_tokens] = gittins_rank(distribution, generated_tokens)
        return ranks[generated_tokens]

    def finished(self, job: Job) -> None:
        """Forget ranks that were this request's alone, so that memory stays bounded."""
        if len(self._known) > MAX_DISTRIBUTIONS:
            self._known.pop(id(job.distribution), None)


MAX_DISTRIBUTIONS = 1024
"""Of which ranks are kept after the request has gone."""
