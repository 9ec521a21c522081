"""First come, first served: what an engine does by itself."""

from scheduler_client.priorities import aged_key
from scheduler_client.rules.job import FinishedJob, QueuedJob


class FcfsRule:
    """The key is the arrival: predictions are made and counted, but change nothing."""

    name = "off"

    def key(self, job: QueuedJob) -> int:
        """The arrival, in microseconds."""
        return aged_key(job.arrival_s, 0.0)

    def provisional_key(self, job: QueuedJob) -> int:
        """As `key`, which learns nothing."""
        return self.key(job)

    def finished(self, job: FinishedJob) -> None:
        """Nothing is learnt."""
