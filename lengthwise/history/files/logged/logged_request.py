"""A request and its answers as a log tells of them, before they become records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.message_text import MessageText, message_text
from lengthwise.history.files.values import Row, describe, is_absent, text


@dataclass(frozen=True, slots=True)
class LoggedChoice:
    """One answer to a request.

    Args:
        text: What the LLM generated; None where the log does not hold it.
        finish_reason: Why it ended, as the log spells it.
        output_tokens: Its own length, where the log states it for each answer.
    """

    text: MessageText | None = None
    finish_reason: object = None
    output_tokens: object = None


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What a log tells of one request.

    Args:
        messages: The conversation before the answer, in any shape of messages.
        prompt: The text asked, where there are no messages.
        choices: The answers; several where several were asked for.
        output_tokens: Tokens of all answers together; None where they must be counted.
        id: What the log calls the request; None has one made of file and line.
        model: Name of the LLM that answered, or was asked for.
        max_tokens: The caller's limit for each answer.
        temperature: Of the sampling, as the caller set it; None where nothing is said.
        group: Name that requests of one conversation share: they stay on one side of a split.
    """

    messages: Sequence[object] = ()
    prompt: object = None
    choices: Sequence[LoggedChoice] = field(default=(LoggedChoice(),))
    output_tokens: object = None
    id: object = None
    model: object = None
    max_tokens: object = None
    temperature: object = None
    group: object = None


LIMIT_KEYS = (
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "max_tokens_to_sample",
)
"""Under which names requests give their limit."""


def first_of(row: Row, *keys: str) -> Any:
    """Give the first value that is there."""
    return next((row[key] for key in keys if not is_absent(row.get(key))), None)


def mapping(value: object) -> Row:
    """Give an object's fields; nothing where it is none."""
    return cast("Row", value) if isinstance(value, Mapping) else {}


def asked(body: Row, place: str) -> dict[str, Any]:
    """Read what a request asked: instructions or system before messages, input or prompt.

    Args:
        body: The request's body, of any API.
        place: What to call it in an error.

    Returns:
        `messages` or `prompt` of a `LoggedRequest`.

    Raises:
        RowError: If there is neither, with the keys that are there.
    """
    before = [
        {"role": "system", "content": body[key]}
        for key in ("instructions", "system", "system_instruction", "system_instructions")
        if not is_absent(body.get(key))
    ]
    for key in ("messages", "input", "contents", "prompt", "inputs"):
        value = body.get(key)
        if is_absent(value):
            continue
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            return {"messages": [*before, *conversation_items(cast("list[Any]", value))]}
        if isinstance(value, Mapping):
            return {"messages": [*before, value]}
        prompt = _one_prompt(value, f"{place}{key}")
        if before:
            return {"messages": [*before, {"role": "user", "content": prompt}]}
        return {"prompt": prompt}
    raise RowError(
        f"no prompt in {place.rstrip('.') or 'the row'}: expected messages, input or prompt; "
        f"the keys there are {', '.join(sorted(map(str, body))[:20]) or 'none'}",
        kind="no prompt",
    )


def conversation_items(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give roles to items of a conversation that have none: calls of tools and their results."""
    named: list[Mapping[str, Any]] = []
    for item in items:
        kind = str(item.get("type") or "")
        if item.get("role") or item.get("from") or not kind:
            named.append(item)
        elif kind == "reasoning":
            continue  # an earlier turn's thoughts, which are not asked again
        elif kind.endswith("_output"):
            named.append({"role": "tool", "content": [item]})
        else:
            named.append({"role": "assistant", "content": [item]})
    return named


def _one_prompt(value: Any, name: str) -> str:
    if isinstance(value, list):
        several = cast("list[Any]", value)
        if len(several) == 1 and isinstance(several[0], str):
            return several[0]
        raise RowError(
            f"{name} is {describe(value)} of {len(several)}: expected one text; "
            "token ids and several prompts in one request cannot be read",
            kind="bad prompt",
        )
    return text(value, name, kind="bad prompt")


def answer_text(message: object, place: str) -> MessageText | None:
    """Read an answer's text, thoughts and calls of tools; None where there is no message.

    Raises:
        RowError: If its shape is unknown.
    """
    if isinstance(message, str):
        return MessageText(message)
    if isinstance(message, list):
        message = {"content": message}
    if not isinstance(message, Mapping):
        return None
    fields = cast("Row", message)
    if fields.get("content", "") is None and len(fields) <= len(("role", "content")):
        return MessageText()
    return message_text(fields, place, "answer")
