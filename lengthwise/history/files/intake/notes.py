"""What a reading found beside its rows, in words."""

from lengthwise.history.files.fields import Fields
from lengthwise.history.files.values import describe_names

_REASONS_NAMED = 5
"""Of the unknown reasons, those that are named: the most frequent."""


def notes_of(fields: Fields) -> list[str]:
    """Say what was counted while these fields made records."""
    notes: list[str] = []
    if fields.means_taken:
        notes.append(
            f"several answers with one length for all: {fields.means_taken:,} requests, read as "
            "their mean (with --tokenizer and the texts in the log, each answer is read)"
        )
    if fields.unknown_reasons:
        named = ", ".join(
            f"{describe_names([reason])} {number:,}"
            for reason, number in fields.unknown_reasons.most_common(_REASONS_NAMED)
        )
        notes.append(
            f"unknown finish reasons: {named}; counted as cut off at exactly the limit, "
            "else as ended"
        )
    return notes
