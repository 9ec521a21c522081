"""ShareGPT's schema: a whole conversation in a row, every answer in it a record."""

from lengthwise.conversation import render_conversation
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.fields import Fields, RowName
from lengthwise.history.files.messages import plain, read_messages
from lengthwise.history.files.row_schemas.row_schema import RowSchema
from lengthwise.history.files.values import Row, is_absent, lookup
from lengthwise.index.record import HistoryRecord


class ShareGptSchema(RowSchema):
    """`conversations`: {from: human | gpt | system, value}, counted with the tokenizer."""

    def applies(self, row: Row, fields: Fields) -> bool:
        """Take rows with something in the conversations column."""
        return not is_absent(lookup(row, fields.options.conversations_column))

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert each answer: the prompt is all before it, the id is "ID-POSITION".

        An answer that opens the conversation, with nothing before it, has no prompt and gives no
        record.

        Raises:
            RowError: If it cannot be used.
        """
        column = fields.options.conversations_column
        messages = read_messages(lookup(row, column), column)
        name = fields.name_of(row, default_id)
        group = name.group or name.id
        records: list[HistoryRecord] = []
        for position, logged in enumerate(messages):
            prompt = render_conversation(plain(messages[:position]))
            if not logged.by_assistant or not prompt.strip():
                continue
            place = f"{column}[{position}], the answer,"
            length = fields.count_generated(logged.text, place, column)
            turn = RowName(f"{name.id}-{position}", group)
            records.append(fields.record(row, turn, prompt, length))
        if not records:
            raise RowError(
                f"{column} has no answer (a turn of gpt) after another message", kind="no prompt"
            )
        return records
