"""Plain shortest job first, on predictions (SSJF, Qiu et al. 2024, arXiv 2404.08509)."""

from scheduler_client.priorities import shortest_first_key
from scheduler_client.rules.job import FinishedJob, QueuedJob


class ShortestRule:
    """The key is the predicted service time.

    The best of the static rules for the mean, and the worst for the tail: a long job waits for as
    long as shorter ones keep coming.
    """

    name = "shortest"

    def key(self, job: QueuedJob) -> int:
        """The predicted service time, in microseconds."""
        return shortest_first_key(job.service_time_s)

    def provisional_key(self, job: QueuedJob) -> int:
        """As `key`, which learns nothing."""
        return self.key(job)

    def finished(self, job: FinishedJob) -> None:
        """Nothing is learnt."""
