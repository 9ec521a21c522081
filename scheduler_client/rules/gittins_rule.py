"""Smallest Gittins rank first: shortest first for who knows distributions, not lengths."""

from scheduler_client.gittins import gittins_rank
from scheduler_client.priorities import shortest_first_key
from scheduler_client.rules.job import FinishedJob, QueuedJob


class GittinsRule:
    """The key is the Gittins rank as a time: that of the predicted length, in proportion."""

    name = "gittins"

    def key(self, job: QueuedJob) -> int:
        """The rank at arrival, in microseconds."""
        if job.distribution is None or not job.predicted_tokens:
            return shortest_first_key(job.service_time_s)
        share = gittins_rank(job.distribution) / job.predicted_tokens
        return shortest_first_key(job.service_time_s * share)

    def provisional_key(self, job: QueuedJob) -> int:
        """As `key`, which learns nothing."""
        return self.key(job)

    def finished(self, job: FinishedJob) -> None:
        """Nothing is learnt."""
