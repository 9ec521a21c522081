"""Conversations as logs hold them: OpenAI's messages and ShareGPT's turns, one noun for both."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from lengthwise.conversation import ChatMessage
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.values import Row, describe, text

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}
"""Names of roles in other logs -> those of the chat form."""


class LoggedMessage(NamedTuple):
    """One message of a log; `calls_tool` is True if it holds a call that its text does not show."""

    message: ChatMessage
    calls_tool: bool

    @property
    def by_assistant(self) -> bool:
        """True if the LLM said it."""
        return self.message.role == "assistant"


def nested(value: Any, name: str) -> Any:
    """Give a nested value; in a CSV cell, or a Parquet text, it is JSON.

    Raises:
        RowError: If the text is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise RowError(
            f"{name} is {describe(value)}: expected a list or an object, or its JSON",
            kind="bad JSON",
        ) from None  # the cause would carry the text


def read_messages(value: Any, name: str) -> list[LoggedMessage]:
    """Convert a list of {role, content} or {from, value}.

    Args:
        value: The list, or its JSON.
        name: The column, for the error.

    Raises:
        RowError: If it has another shape.
    """
    items = nested(value, name)
    if not isinstance(items, list):
        raise RowError(
            f"{name} is {describe(items)}: expected a list of messages", kind=f"bad {name}"
        )
    return [
        _message(item, f"{name}[{position}]", name)
        for position, item in enumerate(cast("list[Any]", items))
    ]


def _message(item: Any, place: str, name: str) -> LoggedMessage:
    if not isinstance(item, Mapping):
        raise RowError(
            f"{place} is {describe(item)}: expected an object with role and content",
            kind=f"bad {name}",
        )
    fields = cast("Row", item)
    role = fields.get("role") or fields.get("from")
    if not role:
        raise RowError(f"{place} names no role (or from)", kind=f"bad {name}")
    spoken = text(role, f"{place}.role", kind=f"bad {name}").strip().lower()
    content = fields.get("content")
    if content is None:
        content = fields.get("value")
    message = ChatMessage(_ROLES.get(spoken, spoken), _content(content, place, name))
    return LoggedMessage(message, bool(fields.get("tool_calls") or fields.get("function_call")))


def _content(content: Any, place: str, name: str) -> str:
    """Convert content: text, null (a tool call), or a list of parts, of which the text is kept."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return text(content, f"{place}.content", kind=f"bad {name}")
    parts: list[str] = []
    for part in cast("list[Any]", content):
        words = (
            part
            if isinstance(part, str)
            else cast("Row", part).get("text")
            if isinstance(part, Mapping)
            else part
        )
        if words is not None:
            parts.append(text(words, f"{place}.content", kind=f"bad {name}"))
    return "\n".join(parts)


def plain(messages: Sequence[LoggedMessage]) -> list[ChatMessage]:
    """Drop what only the reader needs."""
    return [logged.message for logged in messages]
