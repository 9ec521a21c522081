"""A conversation in a row: OpenAI's messages, of which the last is the answer, or ShareGPT's."""

from lengthwise.conversation import render_conversation
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.fields import Fields, RowName
from lengthwise.history.files.messages import LoggedMessage, plain, read_messages
from lengthwise.history.files.row_schemas.row_schema import RowSchema
from lengthwise.history.files.values import Row, is_absent, lookup
from lengthwise.index.record import HistoryRecord


class ChatSchema(RowSchema):
    """`messages`, with `output_tokens`, `usage.completion_tokens` or the answer as last message."""

    def applies(self, row: Row, fields: Fields) -> bool:
        """Take rows with something in the messages column."""
        return not is_absent(lookup(row, fields.options.messages_column))

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert the row to one record, for its last answer.

        Raises:
            RowError: If it cannot be used.
        """
        column = fields.options.messages_column
        messages = read_messages(lookup(row, column), column)
        name = fields.name_of(row, default_id)
        answer_text = lookup(row, fields.options.answer_column)
        if fields.given_tokens(row) is not None or not is_absent(answer_text):
            prompt = _prompt(_without_answer(messages), column)
            return [fields.record(row, name, prompt, fields.output_tokens(row))]
        position = _last_answer(messages, column)
        place = f"{column}[{position}], the answer,"
        prompt = _prompt(messages[:position], column)
        length = fields.count_generated(messages[position].text, place, column)
        return [fields.record(row, name, prompt, length)]


def chat_prompt(row: Row, fields: Fields) -> str:
    """Render the messages of a row whose lengths are given elsewhere; "" if it has none.

    Raises:
        RowError: If they have another shape.
    """
    column = fields.options.messages_column
    value = lookup(row, column)
    if is_absent(value):
        return ""
    return _prompt(_without_answer(read_messages(value, column)), column)


def _without_answer(messages: list[LoggedMessage]) -> list[LoggedMessage]:
    """Drop a last message of the assistant: it is the answer, which a predictor must not see."""
    return messages[:-1] if messages and messages[-1].by_assistant else messages


def _prompt(messages: list[LoggedMessage], column: str) -> str:
    if not messages:
        raise RowError(f"{column} has no message before the answer", kind="no prompt")
    return render_conversation(plain(messages))


def _last_answer(messages: list[LoggedMessage], column: str) -> int:
    for position in range(len(messages) - 1, -1, -1):
        if messages[position].by_assistant:
            return position
    raise RowError(
        f"{column} has no answer (no message of the assistant), and the row gives no length",
        kind="no output_tokens",
    )


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
