"""A request as the APIs of OpenAI and Anthropic have it: what a prediction asks of its body."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.request import PredictionQuery, known_temperature

_T = TypeVar("_T")

MAX_BODY_BYTES = 4 * 2**20
"""A prompt longer than this is not looked at: reading it would hold up all the others."""

MAX_MESSAGES = 10_000
"""Of a chat: reading more would hold up all the others, too."""

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
"""Names of the limit: OpenAI's chats, their old name and Anthropic's, and Responses."""

_TEXT_PARTS = ("text", "input_text", "output_text")
"""Types of a content's part that are text: in chats and Anthropic's messages, and in Responses."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request for text: a completion, a chat, a response or an Anthropic message.

    Args:
        text: Of its prompt; None if it has none: token ids, several prompts, images.
        model: The LLM's name that the caller asks for; "" if there is none.
        max_tokens: The limit on generated tokens, if there is one.
        temperature: Of the sampling; None if the body says nothing: the model's own default holds
            then, which is not known here.
        priority: That the caller set; 0 if none.
    """

    text: str | None
    model: str
    max_tokens: int | None
    temperature: float | None
    priority: int

    def query(self, model: str) -> PredictionQuery:
        """What the predictor is asked.

        Args:
            model: The LLM's name in the predictor's history.
        """
        return PredictionQuery(
            prompt=self.text or "",
            model=model,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            neighbour_count=0,  # no past prompt is shown to anyone: none need be sent
        )


def read_api_body(body: bytes) -> ApiRequest | None:
    """Read a body; None if it is no JSON object, or one nested too deeply to be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return read_api_request(cast("dict[str, Any]", fields)) if isinstance(fields, dict) else None


def read_api_request(fields: Mapping[str, Any]) -> ApiRequest:
    """Read the fields of a body; what is missing, or of a type it cannot be, is unknown."""
    limits = (_a(int, fields, name) for name in _LIMITS)
    return ApiRequest(
        text=_text(fields),
        model=_a(str, fields, "model") or "",
        # At a limit of 0, with which prompts are scored, vLLM makes one token.
        max_tokens=next((max(1, limit) for limit in limits if limit is not None), None),
        temperature=known_temperature(fields.get("temperature")),
        priority=_a(int, fields, "priority") or 0,
    )


def _text(fields: Mapping[str, Any]) -> str | None:
    if "messages" in fields:
        return _conversation(fields.get("system"), fields["messages"])
    if "input" in fields:
        said: Any = fields["input"]
        turns: Any = [{"role": "user", "content": said}] if isinstance(said, str) else said
        return _conversation(fields.get("instructions"), turns)
    return _a(str, fields, "prompt") or None


def _conversation(system: Any, messages: Any) -> str | None:
    """One text of messages; None if they hold anything but text.

    Args:
        system: What Anthropic's API and Responses say beside the messages; None if they do not.
        messages: A list, as it came.
    """
    if not isinstance(messages, list):
        return None
    turns = cast("list[Any]", messages)
    if len(turns) > MAX_MESSAGES:
        return None
    if system is not None:
        turns = [{"role": "system", "content": system}, *turns]
    texts = [_message_text(message) for message in turns]
    if None in texts:
        return None
    roles = [_a(str, cast("dict[str, Any]", message), "role") or "user" for message in turns]
    said = [ChatMessage(role, text or "") for role, text in zip(roles, texts, strict=True)]
    return render_conversation(said) or None


def _message_text(message: Any) -> str | None:
    """The text of a message; None if it holds anything else."""
    content: Any = cast("dict[str, Any]", message).get("content") if _is_object(message) else None
    if content is None or isinstance(content, str):
        return content or ""
    parts: Sequence[Any] = cast("list[Any]", content) if isinstance(content, list) else [content]
    if any(not _is_object(part) or part.get("type") not in _TEXT_PARTS for part in parts):
        return None
    return "\n".join(str(part.get("text", "")) for part in parts)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _a(kind: type[_T], fields: Mapping[str, Any], name: str) -> _T | None:
    """A field, if it is of that type (true and false are no numbers)."""
    value = fields.get(name)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
