"""Why a generation ended, in the spellings of servers, SDKs and logs."""

import ast
from collections.abc import Iterable, Mapping
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.values import Row, describe, is_absent
from lengthwise.request import FinishReason

LIMIT_REASONS = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "max_length",
        "model_length",
        "token_limit",
        "model_context_window_exceeded",
        "incomplete",
    }
)
"""Reasons, in lower case, that say that the limit was reached."""

STOPPED_REASONS = frozenset({"abort", "aborted", "cancelled", "canceled", "timeout", "error"})
"""Reasons that say that somebody or something stopped it: the answer would have been longer."""

CENSORED_REASONS = LIMIT_REASONS | STOPPED_REASONS
"""Reasons after which the true length is only known to be longer."""

ENDED_REASONS = frozenset(
    {
        "stop",
        "stopped",
        "eos",
        "eos_token",
        "end",
        "end_turn",
        "stop_sequence",
        "stop_string",
        "stop_token",
        "tool_calls",
        "tool_call",
        "tool_use",
        "function_call",
        "pause_turn",
        "content_filter",
        "content_filtered",
        "refusal",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "malformed_function_call",
        "complete",
        "completed",
        "finished",
        "success",
    }
)
"""Reasons, in lower case, after which nothing was missing of the answer."""

_MOST_CHARS = 200
"""A longer text is no written-out list or object of reasons."""

_PREFIXES = ("finish_reason_", "finishreason_", "stop_reason_")
"""Of names of enums: FINISH_REASON_MAX_TOKENS is MAX_TOKENS."""


def reasons_in(value: object, name: str) -> list[str]:
    """Give the reasons that a value holds, in lower case; several where there were several answers.

    "MAX_TOKENS", "FinishReason.MAX_TOKENS", ["length"], "['length']", {"type": "length"} and
    {"reason": "max_output_tokens"} are all understood.

    Args:
        value: What stands in the row.
        name: The column, for the error.

    Raises:
        RowError: If it is none of these.
    """
    value = _written_out(value)
    if is_absent(value):
        return []
    if isinstance(value, Mapping):
        fields = cast("Row", value)
        inner = next((fields[key] for key in ("type", "reason") if fields.get(key)), None)
        if not isinstance(inner, str):
            raise _bad(value, name)
        return reasons_in(inner, name)
    if isinstance(value, list | tuple):
        return [one for item in cast("Iterable[Any]", value) for one in reasons_in(item, name)]
    if not isinstance(value, str):
        raise _bad(value, name)
    return [_plain(value)]


def is_cut(reasons: list[str]) -> bool:
    """Tell if one of the answers was cut off."""
    return any(reason in CENSORED_REASONS for reason in reasons)


def unknown_of(reasons: list[str]) -> list[str]:
    """Give those reasons of which it is not known if an answer was whole after them."""
    return [one for one in reasons if one not in CENSORED_REASONS and one not in ENDED_REASONS]


def _plain(reason: str) -> str:
    word = reason.strip().lower().rpartition(".")[2]
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return word


def _written_out(value: object) -> object:
    """Read a list or object that was written into a text: "['length']", "{'type': 'length'}"."""
    if not isinstance(value, str) or len(value) > _MOST_CHARS:
        return value
    if not value.strip().startswith(("[", "{")):
        return value
    try:
        return cast("object", ast.literal_eval(value.strip().replace("null", "None")))
    except (ValueError, SyntaxError):
        return value


def _bad(value: object, name: str) -> RowError:
    return RowError(
        f"{name} is {describe(value)}: expected text",
        kind="bad finish_reason",
    )


def how_ended(reasons: list[str], *, limit_reached: bool) -> FinishReason:
    """Decide if an answer is whole.

    Args:
        reasons: Why it ended, see `reasons_in`; empty where nothing is said.
        limit_reached: It is as long as it was allowed to be: decides where the reasons say nothing,
            or nothing that is known.
    """
    if is_cut(reasons):
        return "length"
    told = bool(reasons) and not unknown_of(reasons)
    return "length" if limit_reached and not told else "stop"
