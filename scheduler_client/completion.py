"""What is reported back to the service: the true lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scheduler_client.query import AnyChatMessage

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class CompletedRequest:
    """A finished request. Either `prompt` or `messages` is given, not both.

    Args:
        request_id: Unique per completion: the same id reported again changes nothing, so that a
            report that may have been lost can be repeated.
        output_tokens: Tokens that the LLM generated, at least 0.
        prompt: The text as the LLM saw it.
        messages: The conversation, oldest first, instead of the prompt.
        model: The LLM that answered.
        max_tokens: The limit on generated tokens, if there was one.
        finish_reason: "stop" if the LLM ended by itself, "length" if it was cut off: then the true
            length was longer, and the service counts it so.
        temperature: Of the sampling, 0 to 100; 0 is greedy decoding, None means unknown.
    """

    request_id: str
    output_tokens: int
    prompt: str = ""
    messages: Sequence[AnyChatMessage] = ()
    model: str = ""
    max_tokens: int | None = None
    finish_reason: FinishReason = "stop"
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class ReportReceipt:
    """How many completions were newly stored, and how many were known by their id already."""

    stored: int
    duplicates: int
