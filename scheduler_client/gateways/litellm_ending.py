"""How a request ended, as LiteLLM's standard logging payload tells it.

Its `status` does not say whether an answer is whole: a client that leaves in the middle of a stream
is logged as success with finish reason "stop", and the error code alone, 499, tells. Nor does the
finish reason: one that LiteLLM does not know, such as an engine's "abort", becomes "stop" too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from scheduler_client.advisor.request import FinishReason

CLIENT_LEFT = "499"
"""The error code, of nginx's invention, that LiteLLM gives a client that closed the connection."""

_LIMIT_REASONS = ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded")
"""An answer at its limit: in chats, in Anthropic's messages, and in OpenAI's responses."""

_STOP_REASONS = ("stop", "tool_calls", "function_call", "content_filter", "end_turn", "completed")
"""An answer that the LLM ended, in the words of the same three; any other word is no end."""


@dataclass(frozen=True, slots=True)
class Ending:
    """An ended request.

    Args:
        finish_reason: "stop" and "length" if the length says something of the LLM; "abort" if the
            caller left or the engine gave up; "error" if it failed or no LLM was asked.
        output_tokens: Of one answer; the mean where there are several.
        input_tokens: Of the prompt; 0 if not told.
        first_token_s: When the first token came, in seconds since 1970; None if the answer was not
            streamed, so that this is not known.
        ended_s: When it ended, in seconds since 1970; 0 if not told.
    """

    finish_reason: FinishReason
    output_tokens: int = 0
    input_tokens: int = 0
    first_token_s: float | None = None
    ended_s: float = 0.0


FAILED = Ending("error")
"""Of a call that gave no answer at all."""


def read_ending(payload: Mapping[str, Any]) -> Ending:
    """Read a standard logging payload, that of a success or a failure."""
    choices = list(_choices(payload.get("response")))
    tokens = _count(payload.get("completion_tokens"))
    return Ending(
        finish_reason=_reason(payload, choices),
        output_tokens=round(tokens / len(choices)) if choices else tokens,
        input_tokens=_count(payload.get("prompt_tokens")),
        first_token_s=_time_s(payload, "completionStartTime") if payload.get("stream") else None,
        ended_s=_time_s(payload, "endTime") or 0.0,
    )


def _reason(payload: Mapping[str, Any], choices: list[str]) -> FinishReason:
    code = str(_object(payload.get("error_information")).get("error_code") or "")
    if code == CLIENT_LEFT:
        return "abort"
    if code or payload.get("status") != "success" or payload.get("cache_hit"):
        return "error"
    if not choices or not _count(payload.get("completion_tokens")):  # the length is not known
        return "error"
    if all(choice in _STOP_REASONS for choice in choices):
        return "stop"
    if all(choice in _STOP_REASONS + _LIMIT_REASONS for choice in choices):
        return "length"
    return "abort"


def _choices(response: Any) -> Iterator[str]:
    """Why each answer of a response ended, in the engine's own word where that is known."""
    fields = _object(response)
    if fields.get("object") == "response":  # of OpenAI's Responses API
        yield str(_object(fields.get("incomplete_details")).get("reason") or fields.get("status"))
        return
    choices: Any = fields.get("choices")
    for choice in cast("list[Any]", choices) if isinstance(choices, list) else []:
        own = _object(_object(choice).get("provider_specific_fields"))
        yield str(own.get("native_finish_reason") or _object(choice).get("finish_reason"))


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _time_s(payload: Mapping[str, Any], name: str) -> float | None:
    value = payload.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None
