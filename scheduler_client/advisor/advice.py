"""What the engine gets for a request: its place in the queue, and what that rests on."""

from dataclasses import dataclass
from typing import Literal

from lengthwise.length_distribution import LengthDistribution

FallbackCause = Literal[
    "deadline",
    "breaker_open",
    "too_many_in_flight",
    "no_text",
    "refused",
    "predictor_error",
    "internal_error",
    "not_asked",
]
"""Why there is no prediction.

deadline: none came in time; breaker_open: the predictor failed before and is left alone for a
while; too_many_in_flight: as many requests wait for it as may; no_text: the request has no text to
ask about; refused: the predictor does not take this prompt; predictor_error: it cannot be reached
or failed; internal_error: a fault on this side; not_asked: the caller wanted a key alone.
"""


@dataclass(frozen=True, slots=True)
class Advice:
    """A key, and the length behind it.

    Args:
        key: The place in the queue, in microseconds within int64, lower first; no two are equal.
        predicted_tokens: The expected length; without a prediction the LLM's typical length.
        distribution: The predicted length distribution; None without a prediction.
        fallback: Why there is no prediction; None if there is one.
        latency_s: How long the request waited for this, in seconds.
    """

    key: int
    predicted_tokens: float
    distribution: LengthDistribution | None
    fallback: FallbackCause | None
    latency_s: float
