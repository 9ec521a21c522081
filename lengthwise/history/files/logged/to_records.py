"""Logged requests as records: the same for every tool's log."""

import re
from dataclasses import replace
from typing import Any

from lengthwise.conversation import render_conversation
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.fields import Fields, RowName
from lengthwise.history.files.finish_reasons import STOPPED_REASONS, reasons_in
from lengthwise.history.files.left_out import FAILED, PROMPT_CUT, LeftOut
from lengthwise.history.files.logged.logged_request import LoggedChoice, LoggedRequest
from lengthwise.history.files.message_text import MessageText
from lengthwise.history.files.messages import plain, read_messages
from lengthwise.history.files.values import Row, is_absent, lookup, text, token_count
from lengthwise.index.record import HistoryRecord

_CUT_NOTICES = re.compile(
    r"\(litellm_truncated skipped \d+ chars|"
    r"\.\.\.truncated by litellm, this logger does not support large content|"
    r"<truncated due to size exceeding limit>"
)
"""What logs write in place of what they cut out of a long prompt."""

_OVERRIDES = ("id", "model", "max_tokens", "temperature", "finish_reason", "group")
"""Columns that the user may name instead of those of the tool's log."""


def leave_out_cut_prompts(records: list[HistoryRecord]) -> None:
    """Raise if a log cut the prompt and says so in it.

    Raises:
        LeftOut: Always with the same cause.
    """
    if any(_CUT_NOTICES.search(record.prompt) for record in records):
        raise LeftOut(PROMPT_CUT)


def to_records(
    request: LoggedRequest, row: Row, default_id: str, fields: Fields
) -> list[HistoryRecord]:
    """Convert a request: one record for each answer whose length is known, else their mean.

    Args:
        request: As the log tells of it.
        row: Where columns are that the user named.
        default_id: The request's id if it has none.
        fields: Makes records, and counts texts with the tokenizer.

    Raises:
        LeftOut: If every answer failed or was cancelled before its first token.
        RowError: If it cannot be used.
    """
    prompt = _prompt(request)
    choices = list(request.choices) or [LoggedChoice()]
    lengths = _lengths(request, choices, fields)
    reasons = [reasons_in(choice.finish_reason, "finish_reason") for choice in choices]
    if len(lengths) < len(choices):
        fields.means_taken += 1
        reasons = [[one for several in reasons for one in several]]
    standard = _standard_row(request, row, fields)
    name = fields.name_of(standard, default_id)
    names = [name] if len(lengths) == 1 else _numbered(name, len(lengths))
    ended = zip(names, lengths, reasons, strict=True)
    kept = [one for one in ended if one[1] or not STOPPED_REASONS.intersection(one[2])]
    if not kept:
        raise LeftOut(FAILED)
    return [
        fields.record(_with_reasons(standard, why, fields), own, prompt, length)
        for own, length, why in kept
    ]


def _numbered(name: RowName, count: int) -> list[RowName]:
    """Name several answers to one request, in one group: they share their prompt."""
    return [RowName(f"{name.id}-{place}", name.group or name.id) for place in range(count)]


def _with_reasons(standard: Row, reasons: list[str], fields: Fields) -> Row:
    column = fields.options.finish_reason_column
    return standard if not column or column in standard else {**standard, column: reasons}


def _prompt(request: LoggedRequest) -> str:
    if not request.messages:
        if is_absent(request.prompt):
            raise RowError("the prompt is empty: expected text", kind="no prompt")
        return text(request.prompt, "prompt", kind="bad prompt")
    messages = read_messages(list(request.messages), "messages")
    return render_conversation(plain(messages))


def _lengths(request: LoggedRequest, choices: list[LoggedChoice], fields: Fields) -> list[int]:
    """Give the length of each answer, or the mean alone where only their sum is known."""
    stated = [choice.output_tokens for choice in choices]
    if all(not is_absent(one) for one in stated):
        return [token_count(one, "output_tokens", kind="bad output_tokens") for one in stated]
    countable = fields.options.tokenizer and all(_is_countable(choice.text) for choice in choices)
    if not is_absent(request.output_tokens) and (len(choices) == 1 or not countable):
        total = token_count(request.output_tokens, "output_tokens", kind="bad output_tokens")
        return [round(total / len(choices))]
    return [_counted(choice.text, fields) for choice in choices]


def _is_countable(answer: MessageText | None) -> bool:
    return answer is not None and not answer.calls


def _counted(answer: MessageText | None, fields: Fields) -> int:
    if answer is None:
        raise RowError(
            "the row gives neither the length of the answer nor its text", kind="no output_tokens"
        )
    return fields.count_generated(answer, "the answer", "the answer")


def _standard_row(request: LoggedRequest, row: Row, fields: Fields) -> dict[str, Any]:
    """Write a request's conditions under the names of the options, or of columns the user chose."""
    options = fields.options
    chosen = options.chosen_columns
    standard: dict[str, Any] = {}
    for field in _OVERRIDES:
        column = getattr(options, f"{field}_column")
        if f"{field}_column" in chosen:
            standard[column] = lookup(row, column)
        elif column and field != "finish_reason":
            standard[column] = getattr(request, field)
    return standard


def without_limit(request: LoggedRequest) -> LoggedRequest:
    """A limit of 0 or less stands for none in some logs."""
    limit = request.max_tokens
    none = isinstance(limit, int | float) and not isinstance(limit, bool) and limit <= 0
    return replace(request, max_tokens=None) if none else request
