"""What the objects of an answer say of its length, whichever API they are of.

A whole answer is one object; a streamed one comes in many, of which each adds something. They are
others' JSON, of which nothing is certain.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from scheduler_client.advisor.request import FinishReason


def as_object(value: Any) -> Mapping[str, Any]:
    """A value as an object; an empty one if it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


_STOP_REASONS = frozenset(
    {
        "stop",
        "tool_calls",
        "function_call",
        "end_turn",
        "stop_sequence",
        "tool_use",
        "completed",
    }
)
"""OpenAI's for choices, Anthropic's, and the status of a response of OpenAI's newer API.

"content_filter" is not among them: a filter beside the LLM broke the answer off, so its length says
nothing of the LLM. Nor is "abort", by which an engine gives a request up.
"""

_LIMIT_REASONS = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"}
)
"""Of all three: the answer was cut off, and would have been longer."""

_ENDED = ("completed", "incomplete", "failed", "cancelled")
"""Where a response of that API does not go on; before, its status is "queued" or "in_progress"."""


class AnswerParts:
    """Gathers finish reasons and usage. Other reasons than those above are no natural ends."""

    def __init__(self) -> None:
        self._tokens: int | None = None
        self._input_tokens = 0
        self._choices: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._failed = False

    @property
    def input_tokens(self) -> int:
        """Of the prompt; 0 if nothing says."""
        return self._input_tokens

    @property
    def output_tokens(self) -> int | None:
        """Of one answer, the mean where there are several; None if nothing says."""
        if not self._tokens:
            return None
        return max(1, round(self._tokens / max(1, len(self._choices))))

    @property
    def are_several(self) -> bool:
        """Whether there are several answers: one with a number above 0 is not the only one."""
        return any(self._choices)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why all ended: one that was cut off makes them "length"; None while any goes on."""
        if self._failed:
            return "error"
        if not self._reasons or self._choices - self._reasons.keys():
            return None
        reasons = set(self._reasons.values())
        if not reasons <= _STOP_REASONS | _LIMIT_REASONS:
            return "abort"
        return "length" if reasons & _LIMIT_REASONS else "stop"

    def take(self, fields: Mapping[str, Any]) -> None:
        """Take in one object."""
        for part in _nested(fields):
            self._take_usage(as_object(part.get("usage")))
            self._take_reasons(part)
            self._failed = self._failed or bool(part.get("error"))

    def _take_usage(self, usage: Mapping[str, Any]) -> None:
        for name in ("completion_tokens", "output_tokens"):
            self._tokens = _count(usage.get(name)) or self._tokens
        for name in ("prompt_tokens", "input_tokens"):
            self._input_tokens = _count(usage.get(name)) or self._input_tokens

    def _take_reasons(self, part: Mapping[str, Any]) -> None:
        for position, choice in enumerate(_objects(part.get("choices"))):
            index = _count(choice.get("index", position))
            self._choices.add(index)
            # LiteLLM makes "stop" of a word that it does not know, and keeps that beside it.
            native = as_object(choice.get("provider_specific_fields")).get("native_finish_reason")
            self._end(index, native or choice.get("finish_reason"))
        self._end(0, part.get("stop_reason"))
        if part.get("object") == "response" and part.get("status") in _ENDED:
            details = as_object(part.get("incomplete_details"))
            self._end(0, details.get("reason") or part.get("status"))

    def _end(self, index: int, reason: Any) -> None:
        if isinstance(reason, str):
            self._reasons[index] = reason


def _nested(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """An object, and those that the events of streams wrap."""
    yield fields
    for name in ("response", "message", "delta"):
        if isinstance(fields.get(name), Mapping):
            yield fields[name]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [as_object(one) for one in cast("list[Any]", value)] if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
