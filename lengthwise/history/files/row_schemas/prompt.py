"""One prompt in a row, answered by one LLM or by several; earlier messages may stand beside it."""

from collections.abc import Mapping
from typing import cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.fields import Fields, RowName
from lengthwise.history.files.messages import nested
from lengthwise.history.files.row_schemas.chat import chat_prompt
from lengthwise.history.files.row_schemas.row_schema import RowSchema
from lengthwise.history.files.values import Row, describe, is_absent, lookup, token_count
from lengthwise.index.record import HistoryRecord


class PromptSchema(RowSchema):
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


class LengthsByModelSchema(RowSchema):
    """`prompt` (or `messages`) with `lens`: one record for each LLM, all in one group."""

    def applies(self, row: Row, fields: Fields) -> bool:
        """Take rows with something in the lengths-by-model column."""
        return not is_absent(lookup(row, fields.options.lengths_by_model_column))

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert the row to one record per LLM, with ids "ID:LLM"; an LLM with null is left out.

        Raises:
            RowError: If it cannot be used.
        """
        column = fields.options.lengths_by_model_column
        lengths = nested(lookup(row, column), column)
        if not isinstance(lengths, Mapping):
            raise RowError(
                f"{column} is {describe(lengths)}: expected an object from LLM to tokens",
                kind="bad output_tokens",
            )
        name = fields.name_of(row, default_id)
        prompt = chat_prompt(row, fields) or fields.prompt(row)
        records = [
            fields.record(
                row,
                RowName(f"{name.id}:{model}", name.group or name.id),
                prompt,
                token_count(tokens, f"{column}[{model!r}]", kind="bad output_tokens"),
                model=model,
            )
            for model, tokens in cast("Row", lengths).items()
            if tokens is not None
        ]
        if not records:
            raise RowError(f"{column} holds no length", kind="no output_tokens")
        return records
