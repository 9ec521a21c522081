"""The body of a completions or chat request, read into what the advisor needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from lengthwise.request import known_temperature

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AskedOverHttp:
    """A request as OpenAI's API has it.

    Args:
        text: Of its prompt; None if it has none: token ids, several prompts, images.
        model: Asked for.
        max_tokens: The limit on generated tokens, if there is one.
        temperature: Of the sampling; None if the body says nothing: the model's own default holds
            then, which is not known here.
        answers: How many are wanted (`n`).
        priority: That the caller set; 0 if none.
        request_id: That the caller chose, if any.
    """

    text: str | None
    model: str
    max_tokens: int | None
    temperature: float | None
    answers: int
    priority: int
    request_id: str | None


def read_question(content: bytes) -> AskedOverHttp | None:
    """Read a body; None if it is no JSON object, which vLLM will refuse."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    fields = cast("dict[str, Any]", body)
    return AskedOverHttp(
        text=_text(fields),
        model=_a(str, fields, "model") or "",
        max_tokens=_a(int, fields, "max_completion_tokens") or _a(int, fields, "max_tokens"),
        temperature=known_temperature(fields.get("temperature")),
        answers=max(1, _a(int, fields, "n") or 1),
        priority=_a(int, fields, "priority") or 0,
        request_id=_a(str, fields, "request_id"),
    )


def _text(fields: Mapping[str, Any]) -> str | None:
    if "messages" not in fields:
        return _a(str, fields, "prompt") or None
    if not isinstance(fields["messages"], list):
        return None
    messages = cast("list[Any]", fields["messages"])
    texts = [_message_text(message) for message in messages]
    return "\n".join(text for text in texts if text) if None not in texts else None


def _message_text(message: Any) -> str | None:
    """The text of a message; None if it holds anything else."""
    content: Any = cast("dict[str, Any]", message).get("content") if _is_object(message) else None
    if content is None or isinstance(content, str):
        return content or ""
    parts: Sequence[Any] = cast("list[Any]", content) if isinstance(content, list) else [content]
    if any(not _is_object(part) or part.get("type") != "text" for part in parts):
        return None
    return "\n".join(str(part.get("text", "")) for part in parts)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _a(kind: type[_T], fields: Mapping[str, Any], name: str) -> _T | None:
    """A field, if it is of that type (true and false are no numbers)."""
    value = fields.get(name)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
