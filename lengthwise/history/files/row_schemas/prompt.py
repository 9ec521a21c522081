"""Prompt and length, or prompt and answer; the prompt may have earlier messages beside it."""

from lengthwise.history.files.fields import Fields
from lengthwise.history.files.values import Row
from lengthwise.index.record import HistoryRecord


class PromptForm:
    """`prompt` with `output_tokens` or `response`, and perhaps `conversation`."""

    def applies(self, row: Row, fields: Fields) -> bool:  # noqa: ARG002 (the contract's shape)
        """Take any row."""
        return True

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert the row to one record.

        Raises:
            RowError: If it cannot be used.
        """
        name = fields.name_of(row, default_id)
        prompt = fields.prompt(row)
        return [fields.record(row, name, prompt, fields.output_tokens(row))]
