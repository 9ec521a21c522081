"""A request to an LLM, as an engine tells of it: when it comes, and when it has ended."""

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "abort", "error"]


@dataclass(slots=True)
class Request:
    """A request that wants a place in the queue.

    Args:
        model: The LLM that will answer, as the predictor knows it; "" if unknown.
        max_tokens: The limit on generated tokens; None if there is none.
        input_tokens: Tokens of the prompt; 0 if unknown.
        arrival_s: When it came, in seconds on the clock that all keys share.
    """

    model: str
    max_tokens: int | None
    input_tokens: int
    arrival_s: float


@dataclass(slots=True)
class FinishedRequest:
    """A request that has ended.

    Args:
        output_tokens: Tokens that the LLM generated.
        input_tokens: Tokens of the prompt, those found in a prefix cache too.
        finish_reason: "stop" if the LLM ended by itself; "length" if it was cut off, so that the
            true length was longer; "abort" if the caller left; "error" if the engine failed.
        queued_s: From arrival until it was first scheduled, in seconds.
        prefill_s: From then until its first token, in seconds.
        decode_s: From its first token to its last, in seconds.
        preemptions: How often it was put back into the queue meanwhile.
    """

    output_tokens: int
    input_tokens: int
    finish_reason: FinishReason
    queued_s: float
    prefill_s: float
    decode_s: float
    preemptions: int = 0

    @property
    def service_s(self) -> float:
        """How long it ran, in seconds: ALISE's execution time T."""
        return self.prefill_s + self.decode_s

    @property
    def completed(self) -> bool:
        """Whether its length says something of the LLM."""
        return self.finish_reason in ("stop", "length")

    @property
    def censored(self) -> bool:
        """Whether the true length was longer than what was generated."""
        return self.finish_reason != "stop"
