"""What the engine tells of a request when it ends."""

from dataclasses import dataclass
from typing import Literal

EndReason = Literal["stop", "length", "abort", "error"]


@dataclass(frozen=True, slots=True)
class Ending:
    """A request that ended.

    Args:
        request_id: As in its question.
        output_tokens: Tokens that the LLM generated.
        input_tokens: Tokens of the prompt.
        finish_reason: "stop" if the LLM ended by itself; "length" if it was cut off, so that the
            true length was longer; "abort" if the caller left; "error" if the engine failed.
        queued_s: From arrival until it was first scheduled, in seconds.
        prefill_s: From then until its first token, in seconds.
        decode_s: From its first token to its last, in seconds.
    """

    request_id: str
    output_tokens: int
    input_tokens: int
    finish_reason: EndReason
    queued_s: float
    prefill_s: float
    decode_s: float

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
        return self.finish_reason == "length"
