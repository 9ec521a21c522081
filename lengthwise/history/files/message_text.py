"""The text of a message, in every shape in which logs hold one."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.values import Row, describe_names, text

_TEXT_KEYS = ("content", "value", "parts", "text", "contents")
"""Where a message holds what was said, the usual ones first."""

_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put an LLM's thoughts, beside the text; the first that is there counts."""

_CALL_KEYS = ("tool_calls", "function_call")
"""Where OpenAI's chat API has calls of tools: now, and before."""

_TEXTLESS_KEYS = frozenset({*_REASONING_KEYS, *_CALL_KEYS, "audio", "refusal", "images"})
"""What may stand in place of a text; a message with none of all these is misread."""

_REASONING_TYPES = frozenset({"thinking", "redacted_thinking", "reasoning"})
"""Values of a part's `type` that make its text a thought."""

_CALL_TYPES = frozenset(
    {"tool_use", "server_tool_use", "tool_call", "server_tool_call", "function_call"}
)
"""Values of a part's `type` that make it a call of a tool."""

_MEDIA_TYPES = ("image", "audio", "video", "file", "blob", "uri", "document", "media")
"""Keys that tell a part without a type from one that is misread: it holds no text."""

_PART_TEXT_KEYS = ("text", "content", "value", "thinking", "reasoning", "summary", "refusal")
"""Where a part holds its text, the usual ones first."""

_RESULT_KEYS = ("output", "response", "result", "content")
"""Where a part holds what a tool gave back."""


class MessageText(NamedTuple):
    """What a message holds.

    Args:
        said: Its text, thoughts and calls left out.
        reasoning: The thoughts before it, where they are told.
        calls: Its calls of tools, each with its arguments.
    """

    said: str = ""
    reasoning: str = ""
    calls: str = ""

    @property
    def in_prompt(self) -> str:
        """What a later turn is asked with: thoughts are not."""
        return _joined([self.said, self.calls])

    @property
    def generated(self) -> str:
        """What the LLM wrote, thoughts first; calls stand in other words than it wrote them in."""
        return _joined([self.reasoning, self.said])


def message_text(fields: Row, place: str, name: str) -> MessageText:
    """Read a message.

    Args:
        fields: The message as the log holds it.
        place: Which one it is, for the error.
        name: The column, for the error.

    Raises:
        RowError: If no text can be found in it, with its keys; or on a text that is none.
    """
    parts: list[MessageText] = []
    found = False
    for key in _TEXT_KEYS:
        if fields.get(key) is not None:
            parts.append(_content(fields[key], place, name))
            found = True
            break
    for key in _REASONING_KEYS:
        if isinstance(fields.get(key), str):
            parts.append(MessageText(reasoning=text(fields[key], place, kind=f"bad {name}")))
            break
    parts += [MessageText(calls=_calls(fields[key])) for key in _CALL_KEYS if fields.get(key)]
    if not found and not any(fields.get(key) for key in _TEXTLESS_KEYS):
        raise RowError(
            f"{place} has no text: expected content, parts or text; "
            f"its keys are {describe_names(sorted(map(str, fields)))}",
            kind=f"bad {name}",
        )
    return merged(parts)


def _content(content: Any, place: str, name: str) -> MessageText:
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return MessageText(text(content, f"{place}.content", kind=f"bad {name}"))
    return merged(_part(part, place, name) for part in cast("list[Any]", content))


def _part(part: Any, place: str, name: str) -> MessageText:
    """Read one part; pictures and other media hold no text."""
    if isinstance(part, str) or not isinstance(part, Mapping):
        return MessageText(text(part, f"{place}.content", kind=f"bad {name}"))
    fields = unwrapped(cast("Row", part), "message_content")
    kind = str(fields.get("type") or "")
    if kind in _CALL_TYPES or "functionCall" in fields or "function_call" in fields:
        return MessageText(calls=_calls([fields]))
    if kind in ("tool_result", "tool_call_response", "function_call_output", "function_response"):
        return MessageText(_result(fields, place, name))
    words = _words(fields, place, name)
    if words is None:
        if kind or any(media in fields for media in _MEDIA_TYPES):
            return MessageText()
        raise RowError(
            f"{place} has a part without text; its keys are "
            f"{describe_names(sorted(map(str, fields)))}",
            kind=f"bad {name}",
        )
    thought = kind in _REASONING_TYPES or fields.get("thought") is True
    return MessageText(reasoning=words) if thought else MessageText(words)


def _words(fields: Row, place: str, name: str) -> str | None:
    for key in _PART_TEXT_KEYS:
        value = fields.get(key)
        if isinstance(value, Mapping):
            value = cast("Row", value).get("value")
        if isinstance(value, list):
            return _content(value, place, name).said
        if value is not None:
            return text(value, f"{place}.content", kind=f"bad {name}")
    return None


def _result(fields: Row, place: str, name: str) -> str:
    """Read what a tool gave back: text, parts, or an object, which is written as JSON."""
    for key in _RESULT_KEYS:
        value = fields.get(key)
        if isinstance(value, str | list):
            try:
                return _content(value, place, name).said
            except RowError:
                return json.dumps(value, ensure_ascii=False)
        if value is not None:
            return json.dumps(value, ensure_ascii=False, default=str)
    return ""


def _calls(value: Any) -> str:
    """Write calls of tools as lines "name(arguments)"."""
    if isinstance(value, str):
        return value
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return "\n".join(_call(cast("Row", item)) for item in items if isinstance(item, Mapping))


def _call(item: Row) -> str:
    fields = unwrapped(item, "tool_call")
    for key in ("function", "functionCall", "function_call"):
        fields = unwrapped(fields, key)
    called = fields.get("name") or fields.get("function.name") or ""
    arguments: Any = ""
    for key in ("arguments", "input", "args", "function.arguments"):
        if fields.get(key) is not None:
            arguments = fields[key]
            break
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False, default=str)
    return f"{called}({arguments})"


def unwrapped(fields: Row, prefix: str) -> Row:
    """Take a wrapper away: {"message": {...}} and {"message.role": ...} are {"role": ...}."""
    inner = fields.get(prefix)
    if isinstance(inner, Mapping):
        return cast("Row", inner)
    dotted = {
        key.removeprefix(f"{prefix}."): value
        for key, value in fields.items()
        if key.startswith(f"{prefix}.")
    }
    return dotted or fields


def merged(parts: Iterable[MessageText]) -> MessageText:
    """Put parts of one message, or messages of one answer, together, a line each."""
    several = list(parts)
    return MessageText(
        _joined([part.said for part in several]),
        _joined([part.reasoning for part in several]),
        _joined([part.calls for part in several]),
    )


def _joined(texts: list[str]) -> str:
    return "\n".join(one for one in texts if one)
