"""What waits for the encoder, and who is next: decisions only, no threads and no clock of its own.

Every call (or message of a stream) is a job of one or many prompts. Lone calls stand before bulk;
among themselves, both share equally: a micro-batch takes as much from every waiting job, and a job
that is not through goes to the back. So a batch of thousands is served in pieces between which
others find their place, and where there are more jobs than slots they go first come, first served.
"""

from collections import deque
from dataclasses import dataclass, field

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.job import Job, Slot
from predictor_service.batching.work_model import COST_CAP_CHARS, cost_chars
from predictor_service.errors import DeadlinePassedError, OverloadedError


@dataclass(slots=True)
class Taken:
    """What a micro-batch takes from the queue.

    Args:
        slots: Its prompts, in the order in which they are served.
        expired: Jobs that are complete because the deadline of their last prompts had passed.
    """

    slots: list[Slot] = field(default_factory=list[Slot])
    expired: list[Job] = field(default_factory=list[Job])


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of a micro-batch and of the queue.

    Args:
        max_batch_size: Prompts in a micro-batch, at least 1.
        max_batch_chars: Characters in a micro-batch, each prompt counted up to `COST_CAP_CHARS`.
        capacity: Prompts that may wait for a micro-batch; beyond it a job is refused.
        capacity_chars: Characters of these prompts; beyond it a job is refused.
    """

    max_batch_size: int = 32
    max_batch_chars: int = 16_384
    capacity: int = 16_384
    capacity_chars: int = 64 * 2**20


class FairQueue:
    """Jobs in the order in which they are served. Not thread-safe: its owner holds a lock."""

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._lone: deque[Job] = deque()
        self._bulk: deque[Job] = deque()
        self._lone_waiting = 0
        self._bulk_waiting = 0
        self._waiting_chars = 0

    @property
    def waiting(self) -> int:
        """Prompts that no micro-batch has taken yet."""
        return self._lone_waiting + self._bulk_waiting

    @property
    def lone_waiting(self) -> int:
        """Those of lone calls among them."""
        return self._lone_waiting

    @property
    def bulk_waiting(self) -> int:
        """Those of all other jobs."""
        return self._bulk_waiting

    def put(self, job: Job) -> None:
        """Add a job, whole or not at all.

        Raises:
            OverloadedError: It does not fit.
        """
        limits = self._limits
        chars = sum([len(query.prompt) for query in job.queries])
        if self.waiting + job.waiting > limits.capacity:
            raise OverloadedError(
                f"the queue is full: {self.waiting:,} prompts wait, {job.waiting:,} more exceed "
                f"its capacity of {limits.capacity:,}; back off and retry"
            )
        if self._waiting_chars + chars > limits.capacity_chars:
            raise OverloadedError(
                f"the queue is full: {self._waiting_chars:,} characters wait, {chars:,} more "
                f"exceed its capacity of {limits.capacity_chars:,}; back off and retry"
            )
        if len(job.queries) > limits.max_batch_size:
            job.sort_by_length()
        (self._lone if job.is_lone else self._bulk).append(job)
        self._count(job, job.waiting, chars)

    def discard(self, job: Job) -> None:
        """Make room at once for others: nobody waits for this job any more."""
        for index in job.rest():
            self._leave(job, index)

    def take_lone(self, now_s: float, at_most: int | None = None) -> Taken:
        """The next micro-batch of lone calls; empty if none waits that anybody still wants.

        Args:
            now_s: The present, in seconds on the jobs' clock.
            at_most: Prompts to take, where fewer are wanted than the limits allow.
        """
        return self._take(self._lone, now_s, at_most, None)

    def take_bulk(
        self, now_s: float, at_most: int | None = None, work_chars: int | None = None
    ) -> Taken:
        """The next micro-batch of all other jobs; see `take_lone`.

        Args:
            now_s: The present, in seconds on the jobs' clock.
            at_most: Prompts to take, where fewer are wanted than the limits allow.
            work_chars: Sum of `cost_chars` that its prompts stay within, but for the first; None
                if the limits alone bound it.
        """
        return self._take(self._bulk, now_s, at_most, work_chars)

    def _take(
        self, jobs: deque[Job], now_s: float, at_most: int | None, work_chars: int | None
    ) -> Taken:
        taken = Taken()
        size = min(self._limits.max_batch_size, at_most or self._limits.max_batch_size)
        share = max(1, -(-size // max(1, len(jobs))))
        room = Room(self._limits.max_batch_chars, work_chars)
        while jobs and not room.is_full and len(taken.slots) < size:
            job = jobs.popleft()
            if not job.waiting:  # discarded while it waited
                continue
            if job.deadline_s <= now_s:
                self._expire(job, taken)
                continue
            self._take_share(job, min(share, size - len(taken.slots)), room, taken.slots)
            if job.waiting:
                jobs.append(job)
        return taken

    def _take_share(self, job: Job, count: int, room: "Room", slots: list[Slot]) -> None:
        for _ in range(min(count, job.waiting)):
            index = job.peek()
            if not room.enter(job.queries[index], is_first=not slots):
                return
            job.advance()
            self._leave(job, index)
            slots.append(Slot(job, index))

    def _expire(self, job: Job, taken: Taken) -> None:
        for index in job.rest():
            self._leave(job, index)
            error = DeadlinePassedError("the deadline passed in the queue; nothing was computed")
            if job.answer(index, error):
                taken.expired.append(job)

    def _leave(self, job: Job, index: int) -> None:
        self._count(job, -1, -len(job.queries[index].prompt))

    def _count(self, job: Job, prompts: int, chars: int) -> None:
        if job.is_lone:
            self._lone_waiting += prompts
        else:
            self._bulk_waiting += prompts
        self._waiting_chars += chars


class Room:
    """What a micro-batch still has room for.

    Args:
        chars: Characters after which nothing more is taken; the last prompt may exceed them.
        work_chars: Sum of `cost_chars` that no prompt but the first may exceed; None for no bound.
    """

    def __init__(self, chars: int, work_chars: int | None) -> None:
        self._chars = chars
        self._work_chars = work_chars
        self.is_full = False

    def enter(self, query: Query, *, is_first: bool) -> bool:
        """Take a prompt in; false if there is no room for it."""
        if self.is_full:
            return False
        if self._work_chars is not None:
            self._work_chars -= cost_chars(query)
            if self._work_chars < 0 and not is_first:
                self.is_full = True
                return False
        self._chars -= min(len(query.prompt), COST_CAP_CHARS)
        self.is_full = self._chars <= 0
        return True
