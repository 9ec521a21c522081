"""What waits for the encoder, and who is next: decisions only, no threads and no clock of its own.

Every call (or message of a stream) is a job of one or many prompts. A micro-batch takes an equal
share from every waiting job, and a job that is not through goes to the back. So a batch of
thousands is served in pieces between which a lone call finds its place in the very next
micro-batch, and where there are more jobs than slots they go first come, first served.
"""

from collections import deque
from dataclasses import dataclass, field

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.job import Job, Slot
from predictor_service.errors import DeadlinePassedError, OverloadedError

COST_CAP_CHARS = 1_024
"""A prompt beyond this costs the encoder no more: what is too long for its window is cut."""


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
        self._jobs: deque[Job] = deque()
        self._waiting = 0
        self._waiting_chars = 0

    @property
    def waiting(self) -> int:
        """Prompts that no micro-batch has taken yet."""
        return self._waiting

    def put(self, job: Job) -> None:
        """Add a job, whole or not at all.

        Raises:
            OverloadedError: It does not fit.
        """
        limits = self._limits
        chars = sum([len(query.prompt) for query in job.queries])
        if self._waiting + job.waiting > limits.capacity:
            raise OverloadedError(
                f"the queue is full: {self._waiting:,} prompts wait, {job.waiting:,} more exceed "
                f"its capacity of {limits.capacity:,}; back off and retry"
            )
        if self._waiting_chars + chars > limits.capacity_chars:
            raise OverloadedError(
                f"the queue is full: {self._waiting_chars:,} characters wait, {chars:,} more "
                f"exceed its capacity of {limits.capacity_chars:,}; back off and retry"
            )
        if len(job.queries) > limits.max_batch_size:
            job.sort_by_length()
        self._jobs.append(job)
        self._waiting += job.waiting
        self._waiting_chars += chars

    def discard(self, job: Job) -> None:
        """Make room at once for others: nobody waits for this job any more."""
        for index in job.rest():
            self._leave(job.queries[index])

    def take(self, now_s: float, at_most: int | None = None) -> Taken:
        """The next micro-batch; empty if nothing waits that anybody still wants.

        Args:
            now_s: The present, in seconds on the jobs' clock.
            at_most: Prompts to take, where fewer are wanted than the limits allow.
        """
        taken = Taken()
        jobs = self._jobs
        size = min(self._limits.max_batch_size, at_most or self._limits.max_batch_size)
        share = max(1, -(-size // max(1, len(jobs))))
        room_chars = self._limits.max_batch_chars
        while jobs and room_chars > 0 and len(taken.slots) < size:
            job = jobs.popleft()
            if not job.waiting:  # discarded while it waited
                continue
            if job.deadline_s <= now_s:
                self._expire(job, taken)
                continue
            room = min(share, size - len(taken.slots))
            room_chars = self._take_share(job, room, room_chars, taken.slots)
            if job.waiting:
                jobs.append(job)
        return taken

    def _take_share(self, job: Job, room: int, room_chars: int, slots: list[Slot]) -> int:
        room = min(room, job.waiting)
        while room > 0 and room_chars > 0:
            slot = Slot(job, job.peek())
            job.advance()
            self._leave(slot.query)
            slots.append(slot)
            room_chars -= min(len(slot.query.prompt), COST_CAP_CHARS)
            room -= 1
        return room_chars

    def _expire(self, job: Job, taken: Taken) -> None:
        for index in job.rest():
            self._leave(job.queries[index])
            error = DeadlinePassedError("the deadline passed in the queue; nothing was computed")
            if job.answer(index, error):
                taken.expired.append(job)

    def _leave(self, query: Query) -> None:
        self._waiting -= 1
        self._waiting_chars -= len(query.prompt)
