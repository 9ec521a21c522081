"""The prompts of one call while they wait for their answers."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lengthwise.index.estimate.estimate import LengthEstimate, Query
from predictor_service.batching.work_model import COST_CAP_CHARS
from predictor_service.errors import CallError
from predictor_service.serving_index.inference import BatchFacts


class Answer(NamedTuple):
    """One prompt's estimate and where its time went.

    Args:
        estimate: The predicted distribution of the length, and what it rests on.
        queue_us: From the call's arrival to the start of the micro-batch, in microseconds.
        batch: The micro-batch that it was computed in.
    """

    estimate: LengthEstimate
    queue_us: int
    batch: BatchFacts


AnswerOrError = Answer | CallError
"""What comes of one prompt."""

FEW_PROMPTS = 8
"""Prompts of a lone call at most: what people and engines ask about at once, not a backlog."""

FEW_CHARS = 2_048
"""And their characters, as the encoder counts them, where there are several: two long prompts."""


class Job:
    """The prompts of one call, or of one message of a stream.

    Args:
        queries: The prompts and what is asked of each; at least one.
        arrived_s: When the call came in, in seconds on the queue's clock.
        deadline_s: When nobody will want the answers any more, on the same clock; infinite if
            there is none.
        on_done: To be called by the job's owner, once, when every prompt has its answer or error.
        of_bulk: Whether it is a piece of something larger, a stream with much under way.
    """

    __slots__ = (
        "_order",
        "_taken",
        "_unanswered",
        "arrived_s",
        "deadline_s",
        "is_lone",
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
        of_bulk: bool = False,
    ) -> None:
        self.queries = queries
        self.is_lone = not of_bulk and are_few(queries)
        self.arrived_s = arrived_s
        self.deadline_s = deadline_s
        self.on_done = on_done
        self.outcomes: list[AnswerOrError | None] = [None] * len(queries)
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

    def answer(self, index: int, outcome: AnswerOrError) -> bool:
        """Note what came of one prompt; true if it was the last."""
        self.outcomes[index] = outcome
        self._unanswered -= 1
        return self._unanswered == 0

    def rest(self) -> list[int]:
        """Take all that waits: the indexes of the prompts, which are then nobody's to encode."""
        indexes = list(self._order[self._taken :])
        self._taken = len(self.queries)
        return indexes


def are_few(queries: Sequence[Query]) -> bool:
    """Whether these are a lone call's, which goes before bulk; one prompt always is."""
    if len(queries) == 1:
        return True
    if len(queries) > FEW_PROMPTS:
        return False
    return sum([min(len(query.prompt), COST_CAP_CHARS) for query in queries]) <= FEW_CHARS


class Slot(NamedTuple):
    """One prompt in a micro-batch: whose it is and where its answer goes.

    Args:
        job: The call that the prompt came with.
        number: Of the prompt among the job's queries, from 0.
    """

    job: Job
    number: int

    @property
    def query(self) -> Query:
        return self.job.queries[self.number]
