"""A request on its way through a fleet."""

import math
from dataclasses import dataclass, field

from autoscaler.core.slo import RequestClass
from lengthwise.length_distribution import LengthDistribution


@dataclass(slots=True, eq=False)
class FleetJob:
    """One request, and what has become of it so far.

    A router or a scaling policy may look at everything but `output_tokens`, which is the truth.

    Args:
        index: Its place in the order of arrival.
        arrival_s: When it came, in virtual time.
        input_tokens: Tokens of the prompt, at least 1.
        output_tokens: Tokens that it will generate, at least 1.
        request_class: Whether somebody waits for it.
        due_s: When its first token (interactive) or its last one (batch) is due.
        predicted_tokens: Expected length of the answer, by a prediction.
        distribution: Of the predicted length; None where nothing is predicted.
        key: Its place among those that wait; lower goes first.
        generated_tokens: So far; while it runs, as of when it joined.
        joined_step: The instance's step count when it joined.
        last_instance: Where its keys and values are, if it was preempted; -1 for nowhere.
        started_s: When it was first admitted; NaN before.
        first_token_s: When its first token came.
        completed_s: When its last token came.
        preemptions: How often an interactive request or a draining instance took its slot.
    """

    index: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    request_class: RequestClass
    due_s: float
    predicted_tokens: float
    distribution: LengthDistribution | None = None
    key: float = 0.0
    generated_tokens: float = field(default=0.0, init=False)
    joined_step: float = field(default=0.0, init=False)
    last_instance: int = field(default=-1, init=False)
    started_s: float = field(default=math.nan, init=False)
    first_token_s: float = field(default=math.nan, init=False)
    completed_s: float = field(default=math.nan, init=False)
    preemptions: int = field(default=0, init=False)

    @property
    def interactive(self) -> bool:
        """Whether somebody waits for it."""
        return self.request_class is RequestClass.INTERACTIVE
