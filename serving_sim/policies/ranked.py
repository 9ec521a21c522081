"""Preemptive policies that keep the best ranked requests running.

Under those with patience nobody waits for ever.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator, KeysView, Sequence
from heapq import heappop, heappush

from serving_sim.job import Job
from serving_sim.policies.policy import Policy, RunningView


class RankedPolicy(Policy):
    """A waiting request takes the place of a running one that ranks below it by a margin.

    Ranks are numbers, lower first. A waiting request's stays as it is; a running one's is computed
    again as its tokens come, at multiples of `review_tokens`.

    Args:
        margin: By which the running one's rank must exceed the other's: what a switch costs.
        max_preemptions: Of one request; it then runs to its end.
        review_tokens: How often ranks are computed again.
    """

    preemptive = True

    def __init__(
        self, *, margin: float = 0.0, max_preemptions: int | None = None, review_tokens: int = 16
    ) -> None:
        self._margin = margin
        self._max_preemptions = max_preemptions
        self._review_tokens = review_tokens
        self._entries: list[tuple[float, int, Job]] = []
        self._ranks: dict[Job, float] = {}  # of those that wait: entries at others are void

    @abstractmethod
    def rank(self, job: Job, generated_tokens: int) -> float:
        """The place of a request that has generated so many tokens."""

    def add(self, job: Job, now_s: float) -> None:
        """Into the queue, at its first rank."""
        del now_s
        self._push(job)

    def requeue(self, job: Job, now_s: float) -> None:
        """Into the queue, at the rank of what is left."""
        del now_s
        self._push(job)

    def _push(self, job: Job) -> None:
        job.ranked_at = job.generated_tokens
        self.place(job, self.rank(job, job.generated_tokens))

    def place(self, job: Job, rank: float) -> None:
        """Put a request into the queue, or one that is in it elsewhere."""
        job.rank = rank
        if self._ranks.get(job) != rank:
            self._ranks[job] = rank
            heappush(self._entries, (rank, job.index, job))

    def waiting(self) -> KeysView[Job]:
        """All that wait, in no order."""
        return self._ranks.keys()

    def head(self, now_s: float) -> Job | None:
        """The lowest rank."""
        del now_s
        while self._entries:
            rank, _, job = self._entries[0]
            if self._ranks.get(job) == rank:
                return job
            heappop(self._entries)
        return None

    def take(self, now_s: float) -> Job:
        """The lowest rank."""
        job = self.head(now_s)
        assert job is not None, "nothing waits"  # noqa: S101  the caller asked for the head
        heappop(self._entries)
        del self._ranks[job]
        return job

    def __len__(self) -> int:
        return len(self._ranks)

    def victim(self, view: RunningView) -> Job:
        """The highest rank, the latest of equals."""
        return max(view.running, key=lambda job: (self.running_rank(view, job), job.index))

    def eviction_victim(self, resident: KeysView[Job], view: RunningView, now_s: float) -> Job:
        """The highest rank: it waits for longest."""
        del view, now_s
        return max(resident, key=lambda job: (job.rank, job.index))

    def running_rank(self, view: RunningView, job: Job) -> float:
        """The rank of a running request, as of the last multiple of `review_tokens`."""
        generated = view.generated_tokens(job)
        generated -= generated % self._review_tokens
        if generated > job.ranked_at:
            job.ranked_at = generated
            job.rank = self.rank(job, generated)
        return job.rank

    def may_preempt(self, waiting: Job, running_rank: float) -> bool:
        """A waiting request ranks well enough above a running one."""
        return waiting.rank + self._margin < running_rank

    def to_preempt(self, view: RunningView, now_s: float) -> Sequence[Job]:
        """The lowest ranked, for as long as a waiting request that ranks above them needs room."""
        head = self.head(now_s)
        if head is None or self._fits(view, head, view.free_slots, view.free_blocks):
            return ()  # it is admitted as it is, and the next one asked for after that
        preempted: list[Job] = []
        free_slots, free_blocks = view.free_slots, view.free_blocks
        for rank, job in self._worst_first(view):
            if not self.may_preempt(head, rank):
                break
            preempted.append(job)
            free_slots += 1
            free_blocks += view.held_blocks(job)
            if self._fits(view, head, free_slots, free_blocks):
                return preempted
        return ()

    def _worst_first(self, view: RunningView) -> list[tuple[float, Job]]:
        most = self._max_preemptions
        ranked = [
            (self.running_rank(view, job), job)
            for job in view.running
            if most is None or job.preemptions < most
        ]
        return sorted(ranked, key=lambda pair: (-pair[0], -pair[1].index))

    @staticmethod
    def _fits(view: RunningView, job: Job, free_slots: int, free_blocks: int) -> bool:
        return free_slots > 0 and view.wanted_blocks(job) <= free_blocks

    def review_steps(self, view: RunningView) -> int | None:
        """Ranks of the running change as tokens come; that matters while others wait."""
        del view
        return self._review_tokens if self._ranks else None


class Patience:
    """Tells when a request has waited for a given time without a break.

    Args:
        patience_s: The time; infinity for ever.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: dict[Job, float] = {}
        self._ends: list[tuple[float, int, float, Job]] = []

    def begin(self, job: Job, now_s: float) -> None:
        """A request begins to wait, or begins anew."""
        self._since_s[job] = now_s
        if self._patience_s < math.inf:
            heappush(self._ends, (now_s + self._patience_s, job.index, now_s, job))

    def end(self, job: Job) -> None:
        """It waits no longer."""
        self._since_s.pop(job, None)

    def lost(self, now_s: float) -> Iterator[Job]:
        """Those that have waited so long by now, each once for each time that it began."""
        while self.next_s(-math.inf) <= now_s:
            yield heappop(self._ends)[3]

    def next_s(self, now_s: float) -> float:
        """When the next one has, after `now_s`; infinity for never."""
        while self._ends and not self._valid():
            heappop(self._ends)
        return max(self._ends[0][0], math.nextafter(now_s, math.inf)) if self._ends else math.inf

    def _valid(self) -> bool:
        _, _, since_s, job = self._ends[0]
        return self._since_s.get(job) == since_s


class PatientPolicy(RankedPolicy):
    """Raises a request that has waited for a given time without a break.

    Args:
        patience_s: The time; infinity for ever.
        margin: By which a running request's rank must exceed a waiting one's to be preempted for
            it.
        review_tokens: Tokens after which the rank of a running request is computed again.
    """

    def __init__(self, *, patience_s: float, margin: float = 0.0, review_tokens: int = 16) -> None:
        super().__init__(margin=margin, review_tokens=review_tokens)
        self.patience = Patience(patience_s)

    @abstractmethod
    def waited_too_long(self, job: Job, now_s: float) -> None:
        """Give a waiting request a better rank."""

    def add(self, job: Job, now_s: float) -> None:
        """It begins to wait."""
        super().add(job, now_s)
        self.patience.begin(job, now_s)

    def requeue(self, job: Job, now_s: float) -> None:
        """It begins to wait again."""
        super().requeue(job, now_s)
        self.patience.begin(job, now_s)

    def head(self, now_s: float) -> Job | None:
        """The lowest rank, once those that waited too long were raised."""
        for job in self.patience.lost(now_s):
            self.waited_too_long(job, now_s)
        return super().head(now_s)

    def take(self, now_s: float) -> Job:
        """It waits no longer."""
        job = super().take(now_s)
        self.patience.end(job)
        return job

    def review_s(self, now_s: float) -> float:
        """When the next one has waited too long."""
        return self.patience.next_s(now_s)
