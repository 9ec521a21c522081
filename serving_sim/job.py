"""A request on its way through the simulated engine, and those that have not come yet."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from lengthwise.length_distribution import LengthDistribution


@dataclass(slots=True, eq=False)
class Job:
    """One request and what has become of it so far.

    A policy may look at everything but `output_tokens`, which is the truth: an oracle's is the one
    that does, through `predicted_tokens`.

    Args:
        index: Its place in the order of arrival.
        arrival_s: When it came, in virtual time.
        input_tokens: Tokens of the prompt, at least 1.
        output_tokens: That it will generate, at least 1.
        predicted_tokens: That a predictor says it will.
        distribution: Of the predicted length, where the predictor gives one.
        key: Of its rule; lower goes first.
        generated_tokens: So far; while it decodes, as of when it joined the batch.
        cached_tokens: With keys and values in memory; while it decodes, as of when it joined.
        joined_step: The batch's step at which it began to decode; -1 while it does not.
        ticket: Says which of its entries among those that will finish is the valid one.
        started_s: When it was first admitted; NaN before.
        first_token_s: When its first token came.
        completed_s: When its last token came.
        running_since_s: When it last began to run.
        ran_s: Time spent running before that.
        preemptions: How often it was taken off.
        rank: Its place under a policy whose order changes as tokens come; lower goes first.
        ranked_at: Tokens generated when that rank was last computed; -1 for never.
        level: Its queue, under a policy with several.
        swapped: Its keys and values lie in the CPU's memory.
    """

    index: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    predicted_tokens: float
    distribution: LengthDistribution | None = None
    key: int = 0
    generated_tokens: int = field(default=0, init=False)
    cached_tokens: int = field(default=0, init=False)
    joined_step: int = field(default=-1, init=False)
    ticket: int = field(default=-1, init=False)
    started_s: float = field(default=math.nan, init=False)
    first_token_s: float = field(default=math.nan, init=False)
    completed_s: float = field(default=math.nan, init=False)
    running_since_s: float = field(default=math.nan, init=False)
    ran_s: float = field(default=0.0, init=False)
    preemptions: int = field(default=0, init=False)
    rank: float = field(default=0.0, init=False)
    ranked_at: int = field(default=-1, init=False)
    level: int = field(default=0, init=False)
    swapped: bool = field(default=False, init=False)

    @property
    def known_tokens(self) -> int:
        """Tokens of the prompt and of the answer so far: all that must be cached to go on."""
        return self.input_tokens + self.generated_tokens

    @property
    def started(self) -> bool:
        """It has run before."""
        return not math.isnan(self.started_s)


class ArrivalQueue:
    """Hands requests over as virtual time passes their arrivals.

    Args:
        jobs: Requests in the order of their arrival, made one by one as they are asked for.
    """

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._next = next(jobs, None)
        self.next_s = self._next.arrival_s if self._next else math.inf

    def until(self, now_s: float) -> Iterator[Job]:
        """Those that have come, each once."""
        while self.next_s <= now_s and self._next is not None:
            yield self._next
            self._next = next(self._jobs, None)
            self.next_s = self._next.arrival_s if self._next else math.inf
