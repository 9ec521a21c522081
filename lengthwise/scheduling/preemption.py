"""Which running request makes room for which waiting one.

A decision alone, for the scheduler class and the simulator: nothing is kept from one to the next.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.checks import checked_not_negative
from lengthwise.scheduling.service_time import ServiceTimeModel
from lengthwise.scheduling.swap_order import RunningJob, who_makes_room


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A request as a scheduler sees it, running or waiting.

    Args:
        request_id: By which the scheduler knows it.
        key: Its place in the queue, in microseconds: lower goes first.
        arrival_s: When it came, on the clock of the `now_s` that `decide` is given.
        input_tokens: Tokens of its prompt, at least 0.
        generated_tokens: Tokens of its answer so far; a waiting one may have some.
        predicted_tokens: Tokens of its whole answer: the mean, or what is typical of its LLM.
        distribution: Of its whole answer's length; None where nothing was predicted.
        preemptions: How often it has made room already.
    """

    request_id: str
    key: int
    arrival_s: float
    input_tokens: int
    generated_tokens: int
    predicted_tokens: float
    distribution: LengthDistribution | None = None
    preemptions: int = 0

    def remaining_tokens(self) -> float:
        """What is expected to come, given how much has come already.

        A request that outlives its prediction moves up its own distribution; one without a
        distribution is then expected to go on in proportion to its length.
        """
        whole = self.distribution or LengthDistribution.from_quantiles(
            [0.5], [self.predicted_tokens]
        )
        return whole.remaining(self.generated_tokens).mean()

    def left_over_tokens(self) -> float:
        """The prediction less what has come: cheap, for sums over a whole queue."""
        return max(0.0, self.predicted_tokens - self.generated_tokens)


@dataclass(frozen=True, slots=True)
class Preemption:
    """One running request goes, one waiting request comes."""

    victim: ScheduledJob
    favoured: ScheduledJob


@dataclass(frozen=True, slots=True)
class PreemptionRule:
    """Lets the first of the queue replace a running request with much more left to do.

    The queue's own order stays: whoever is first in it is favoured or nobody is, and only at the
    cost of one that would come after it if both waited. So keys that age protect the old here as
    they do in the queue, and a victim does not come back at once. What a preemption costs (prompt
    and tokens are computed again when the victim resumes) is added to the time of the favoured: a
    little shorter is never short enough. And whoever has been in the engine for very long is not
    taken off at all, so that it ends under keys that do not age, too.

    Args:
        service_time: What tokens amount to in seconds.
        switch_s: What each preemption costs in seconds, beside the prefill of what must be computed
            again.
        much_longer: The victim has at least this many times as long to go as the favoured; at
            least 1.
        max_preemptions: How often one request makes room at most.
        safe_waits: A request is safe once it is older than so many waits of a queue served in order
            of arrival,
        safe_services: and so many mean service times on top.
        max_at_once: Preemptions in one decision at most, at least 1.

    Raises:
        ValueError: If a number is out of range, or one that counts is not whole.
    """

    service_time: ServiceTimeModel = field(default_factory=ServiceTimeModel)
    switch_s: float = 0.02
    much_longer: float = 2.5
    max_preemptions: int = 3
    safe_waits: float = 2.0
    safe_services: float = 5.0
    max_at_once: int = 4

    def __post_init__(self) -> None:
        for name in ("max_preemptions", "max_at_once"):
            if (count := getattr(self, name)) % 1:
                raise ValueError(f"{name} is {count}: expected a whole number")
        for name in ("switch_s", "max_preemptions", "safe_waits", "safe_services"):
            checked_not_negative(getattr(self, name), name)
        if not (self.much_longer >= 1 and math.isfinite(self.much_longer)):
            raise ValueError(
                f"much_longer is {self.much_longer}: expected a finite number of at least 1"
            )
        if self.max_at_once < 1:
            raise ValueError(f"max_at_once is {self.max_at_once}: expected at least 1")

    def decide(
        self, running: Sequence[ScheduledJob], waiting: Sequence[ScheduledJob], now_s: float
    ) -> list[Preemption]:
        """The preemptions to make now.

        Ask when a request came, when one ended, and now and then while some wait (every third of a
        mean service time): expectations of the running rise as they go on. Ask only while all slots
        are taken: into a free one nobody is to be preempted.

        Args:
            running: All that run: as many as there are slots.
            waiting: All that wait, in any order; the first `max_at_once` by key do.
            now_s: The time in seconds, on the clock of the arrivals.

        Returns:
            Victims and favoured, each at most once; the order is that of the queue.
        """
        if not running or not waiting:
            return []
        victims = self._movable(running, waiting, now_s)
        decided: list[Preemption] = []
        for favoured in nsmallest(self.max_at_once, waiting, key=lambda job: job.key):
            after = [victim for victim in victims.values() if victim[1].key > favoured.key]
            if not after:
                break
            left_s, victim = max(after, key=lambda victim: victim[0])
            if left_s < self.much_longer * self._price_s(favoured, victim):
                break
            decided.append(Preemption(victim, favoured))
            del victims[victim.request_id]
        return decided

    def make_room(
        self,
        running: Sequence[ScheduledJob],
        waiting: Sequence[ScheduledJob],
        *,
        held: Mapping[str, int],
        wanted: int,
        now_s: float,
    ) -> list[ScheduledJob]:
        """Who makes room for the first of the queue where memory is short and a slot is free.

        Whoever `decide` would let go for it may go. Of those the one goes first that will wait
        longest: the last in the queue (Zhao and Wang 2024, arXiv 2410.23537, section 3.3).

        Args:
            running: All that run, fewer than there are slots.
            waiting: All that wait, in any order.
            held: Blocks of the device's memory that become free with each of the running.
            wanted: Blocks that the first of the queue lacks.
            now_s: The time in seconds, on the clock of the arrivals.

        Returns:
            At most `max_at_once`; none if those would not do, for then nobody is to suffer.
        """
        if not running or not waiting:
            return []
        favoured = min(waiting, key=lambda job: job.key)
        movable = self._movable(running, waiting, now_s)
        behind = {
            name: RunningJob(job.key, held[name])
            for name, (left_s, job) in movable.items()
            if left_s >= self.much_longer * self._price_s(favoured, job)
        }
        out = who_makes_room(behind, favoured_key=favoured.key, margin=0, wanted=wanted)
        return [movable[name][1] for name in out] if len(out) <= self.max_at_once else []

    def _movable(
        self, running: Sequence[ScheduledJob], waiting: Sequence[ScheduledJob], now_s: float
    ) -> dict[str, tuple[float, ScheduledJob]]:
        """Who may be taken off at all, with the seconds that each has to go."""
        safe_after_s = self._safe_after_s(running, waiting)
        return {
            job.request_id: (self._remaining_s(job), job)
            for job in running
            if job.preemptions < self.max_preemptions and now_s - job.arrival_s <= safe_after_s
        }

    def _safe_after_s(
        self, running: Sequence[ScheduledJob], waiting: Sequence[ScheduledJob]
    ) -> float:
        """The age from which on a request is left to run."""
        queue_s = sum(self._seconds(job, job.left_over_tokens()) for job in waiting)
        service_s = sum(
            self.service_time.service_time_s(job.predicted_tokens, job.input_tokens)
            for job in running
        )
        slots = len(running)
        return self.safe_waits * queue_s / slots + self.safe_services * service_s / slots

    def _price_s(self, favoured: ScheduledJob, victim: ScheduledJob) -> float:
        """The time that the favoured takes, and what it costs to put the victim off for it."""
        again_s = sum(
            self.service_time.service_time_s(0, job.input_tokens + job.generated_tokens)
            for job in (favoured, victim)
        )
        return self._remaining_s(favoured) + again_s + self.switch_s

    def _remaining_s(self, job: ScheduledJob) -> float:
        return self._seconds(job, job.remaining_tokens())

    def _seconds(self, job: ScheduledJob, tokens: float) -> float:
        """Of decoding alone."""
        rates = self.service_time
        step_s = rates.decode_s_per_output_and_input_token * job.input_tokens
        return tokens * (step_s + rates.decode_s_per_output_token)
