"""Conversations as logs hold them: OpenAI's messages and ShareGPT's turns, one noun for both."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from lengthwise.conversation import CANONICAL_ROLES, ChatMessage
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.message_text import MessageText, message_text, unwrapped
from lengthwise.history.files.values import Row, describe, text


class LoggedMessage(NamedTuple):
    """One message of a log.

    Args:
        message: As a later turn is asked with it: without the thoughts before it.
        text: All that the log tells of it, which counts where it is an answer.
    """

    message: ChatMessage
    text: MessageText

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
    fields = unwrapped(cast("Row", item), "message")
    role = fields.get("role") or fields.get("from")
    if not role:
        raise RowError(f"{place} names no role (or from)", kind=f"bad {name}")
    spoken = text(role, f"{place}.role", kind=f"bad {name}").strip().lower()
    words = message_text(fields, place, name)
    message = ChatMessage(CANONICAL_ROLES.get(spoken, spoken), words.in_prompt)
    return LoggedMessage(message, words)


def plain(messages: Sequence[LoggedMessage]) -> list[ChatMessage]:
    """Drop what only the reader needs."""
    return [logged.message for logged in messages]
