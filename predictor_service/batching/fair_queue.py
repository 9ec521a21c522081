"""What waits for the encoder, and who is next: decisions only, no threads and no clock of its own.

Every call (or message of a stream) is a job of one or many prompts. A micro-batch takes an equal
share from every waiting job, and a job that is not through goes to the back. So a batch of
thousands is served in pieces between which a lone call finds its place in the very next
micro-batch, and where there are more jobs than places they go first come, first served.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lengthwise.index.estimate.estimate import LengthEstimate, Query
from predictor_service.errors import CallError, DeadlinePassedError, OverloadedError

COST_CAP_CHARS = 1_024
"""A prompt beyond this costs the encoder no more: what is too long for its window is cut."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the answers of one micro-batch share."""

    version: str
    size: int
    encode_us: int
    search_us: int


class Answer(NamedTuple):
    """One prompt's estimate and where its time went."""

    estimate: LengthEstimate
    queue_us: int
    batch: BatchFacts


Outcome = Answer | CallError


class Job:
    """The prompts of one call, or of one message of a stream.

    Args:
        queries: At least one.
        arrived_s: On the queue's clock.
        deadline_s: On the same clock; infinite if there is none.
        on_done: For the job's owner: to be called once, when every prompt has its outcome.
    """

    __slots__ = (
        "_order",
        "_taken",
        "_unanswered",
        "arrived_s",
        "deadline_s",
        "on_done",
        "outcomes",
        "queries",
    )

    def __init__(
        self,
        queries: Sequence[Query],
        *,
        arrived_s: float,
        deadline_s: float = math.inf,
        on_done: Callable[["Job"], None],
    ) -> None:
        self.queries = queries
        self.arrived_s = arrived_s
        self.deadline_s = deadline_s
        self.on_done = on_done
        self.outcomes: list[Outcome | None] = [None] * len(queries)
        self._order: Sequence[int] = range(len(queries))
        self._taken = 0
        self._unanswered = len(queries)

    def sort_by_length(self) -> None:
        """Serve prompts of like length together, so that a micro-batch wastes little on padding."""
        queries = self.queries
        self._order = sorted(self._order, key=lambda i: len(queries[i].prompt))

    @property
    def waiting(self) -> int:
        """Prompts not yet taken by a micro-batch."""
        return len(self.queries) - self._taken

    def peek(self) -> int:
        """Index of the next prompt."""
        return self._order[self._taken]

    def advance(self) -> None:
        """Count the next prompt as taken."""
        self._taken += 1

    def answer(self, index: int, outcome: Outcome) -> bool:
        """Note the outcome of one prompt; true if it was the last."""
        self.outcomes[index] = outcome
        self._unanswered -= 1
        return self._unanswered == 0

    def rest(self) -> list[int]:
        """Take all that waits: the indexes of the prompts, which are then nobody's to encode."""
        indexes = list(self._order[self._taken :])
        self._taken = len(self.queries)
        return indexes


class Place(NamedTuple):
    """One prompt in a micro-batch: whose it is and where its answer goes."""

    job: Job
    number: int

    @property
    def query(self) -> Query:
        """What is asked."""
        return self.job.queries[self.number]


@dataclass(slots=True)
class Taken:
    """What a micro-batch takes from the queue, and whose deadline had passed."""

    places: list[Place] = field(default_factory=list[Place])
    expired: list[Job] = field(default_factory=list[Job])


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of a micro-batch and of the queue.

    Args:
        max_batch_size: Prompts in a micro-batch.
        max_batch_chars: Characters in a micro-batch, each prompt counted up to `COST_CAP_CHARS`.
        capacity: Prompts that may wait.
        capacity_chars: Characters that may wait.
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
        """Prompts that wait."""
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
            now_s: The present.
            at_most: Prompts, where fewer are wanted than the limits allow.
        """
        taken = Taken()
        jobs = self._jobs
        size = min(self._limits.max_batch_size, at_most or self._limits.max_batch_size)
        share = max(1, -(-size // max(1, len(jobs))))
        room_chars = self._limits.max_batch_chars
        while jobs and room_chars > 0 and len(taken.places) < size:
            job = jobs.popleft()
            if not job.waiting:  # discarded while it waited
                continue
            if job.deadline_s <= now_s:
                self._expire(job, taken)
                continue
            room = min(share, size - len(taken.places))
            room_chars = self._take_share(job, room, room_chars, taken.places)
            if job.waiting:
                jobs.append(job)
        return taken

    def _take_share(self, job: Job, room: int, room_chars: int, places: list[Place]) -> int:
        room = min(room, job.waiting)
        while room > 0 and room_chars > 0:
            place = Place(job, job.peek())
            job.advance()
            self._leave(place.query)
            places.append(place)
            room_chars -= min(len(place.query.prompt), COST_CAP_CHARS)
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
