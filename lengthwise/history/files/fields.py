"""The fields of a row under the names of the options: what all row schemas share."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.history.files.columns import USAGE_COLUMNS, missing_length, missing_prompt
from lengthwise.history.files.errors import RowError
from lengthwise.history.files.finish_reasons import how_ended, reasons_in, unknown_of
from lengthwise.history.files.message_text import MessageText
from lengthwise.history.files.messages import nested, plain, read_messages
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.tokenizer import AnswerCounter
from lengthwise.history.files.values import (
    Row,
    describe,
    is_absent,
    label,
    lookup,
    temperature,
    text,
    token_count,
)
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord
from lengthwise.request import FinishReason


class RowName(NamedTuple):
    """A row's id, and the group that must not be split ("" if it stands alone)."""

    id: str
    group: str


class Fields:
    """Reads the fields of rows.

    Args:
        options: Names of columns, and the tokenizer that answers are counted with.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self._answers = AnswerCounter(options)
        self.start()

    def start(self) -> None:
        """Begin a reading: count anew what its report tells beside the rows."""
        self.means_taken = 0
        self.unknown_reasons: Counter[str] = Counter()

    def _end(self, row: Row, *, limit_reached: bool) -> FinishReason:
        column = self.options.finish_reason_column
        reasons = reasons_in(lookup(row, column), column)
        self.unknown_reasons.update(unknown_of(reasons))
        return how_ended(reasons, limit_reached=limit_reached)

    def name_of(self, row: Row, default_id: str) -> RowName:
        """Give id and group; the id falls back to `default_id`.

        Raises:
            RowError: If either is no label, or group_regex does not match the id.
        """
        options = self.options
        row_id = label(lookup(row, options.id_column), options.id_column, kind="bad id")
        row_id = row_id or default_id
        if not options.group_regex:
            group = lookup(row, options.group_column)
            return RowName(row_id, label(group, options.group_column, kind="bad group"))
        match = options.group_pattern.search(row_id)
        if match is None or match.group(1) is None:
            raise RowError(
                f"the id does not match group_regex {options.group_regex!r}: "
                "its conversation is unknown",
                kind="bad group",
            )
        return RowName(row_id, match.group(1))

    def prompt(self, row: Row) -> str:
        """Give the prompt's text, with the earlier messages before it if the row has them.

        Raises:
            RowError: If there is none, or the columns hold something else.
        """
        options = self.options
        value = lookup(row, options.prompt_column)
        if value is None:
            if options.prompt_column in row:
                raise RowError("prompt is empty: expected text", kind="bad prompt")
            raise RowError(missing_prompt(options, row), kind="no prompt")
        prompt = text(value, options.prompt_column, kind="bad prompt")
        earlier = lookup(row, options.conversation_column)
        if is_absent(earlier):
            return prompt
        messages = plain(read_messages(earlier, options.conversation_column))
        return render_conversation([*messages, ChatMessage("user", prompt)])

    def given_tokens(self, row: Row) -> int | None:
        """Give the length that the row states itself, in tokens; None if it states none.

        Raises:
            RowError: If it is not a sensible number.
        """
        for column in (self.options.output_tokens_column, *USAGE_COLUMNS):
            value = lookup(row, column)
            if value is not None:
                return token_count(value, column, kind="bad output_tokens")
        return None

    def output_tokens(self, row: Row) -> int:
        """Give the stated length, or else count the answer's text.

        Raises:
            RowError: If there is neither, or no tokenizer to count with.
        """
        given = self.given_tokens(row)
        if given is not None:
            return given
        column = self.options.answer_column
        answer = lookup(row, column)
        if answer is None:
            raise RowError(missing_length(self.options, row), kind="no output_tokens")
        return self.count(answer, column)

    def count(self, answer: object, column: str) -> int:
        """Count an answer's tokens.

        Raises:
            RowError: If no tokenizer was named, or the answer is no text that UTF-8 can hold.
        """
        return self._answers.count(text(answer, column, kind="bad answer"), column)

    def count_generated(self, answer: MessageText, place: str, column: str) -> int:
        """Count the tokens of a message that an LLM generated, its thoughts among them.

        Args:
            answer: The message, as `message_text` has read it.
            place: What to call it in an error.
            column: Name of the column that its text stands in, for errors.

        Raises:
            RowError: If it calls a tool, or its text cannot be counted.
        """
        if answer.calls:
            raise RowError(
                f"{place} calls a tool, so its text is not all that was generated: expected its "
                "length in the log",
                kind="no output_tokens",
            )
        return self.count(answer.generated, column)

    def record(
        self, row: Row, name: RowName, prompt: str, output_tokens: int, *, model: str | None = None
    ) -> HistoryRecord:
        """Make the record, with the optional fields of the row.

        Args:
            row: Where the optional fields are.
            name: Id and group that the record gets.
            prompt: What the LLM saw, a conversation rendered.
            output_tokens: Length of the answer, in tokens.
            model: The LLM, where it is not the one in the model column.

        Raises:
            RowError: If a field is out of range, or cannot be written as UTF-8.
        """
        options = self.options
        limit = lookup(row, options.max_tokens_column)
        named = lookup(row, options.model_column) if model is None else model
        max_tokens = (
            None
            if is_absent(limit)
            else token_count(limit, options.max_tokens_column, kind="bad max_tokens", least=1)
        )
        try:
            return HistoryRecord(
                prompt=text(prompt, "prompt", kind="bad prompt"),
                output_tokens=output_tokens,
                model=label(named, options.model_column or "model", kind="bad model"),
                id=name.id,
                max_tokens=max_tokens,
                finish_reason=self._end(
                    row, limit_reached=max_tokens is not None and output_tokens >= max_tokens
                ),
                group=name.group,
                samples=self._samples(row, output_tokens),
                temperature=temperature(
                    lookup(row, options.temperature_column), options.temperature_column
                ),
            )
        except RowError:
            raise
        except InvalidInputError as error:
            raise RowError(str(error), kind="bad prompt") from error

    def _samples(self, row: Row, own: int) -> tuple[int, ...]:
        """Give the further draws: a list has only those, an object has every draw by its name.

        In an object the row's own draw is known by its length, and left out: counted twice it
        would lift the noise ceiling.
        """
        column = self.options.samples_column
        value = lookup(row, column)
        if is_absent(value):
            return ()
        draws = nested(value, column)
        if not isinstance(draws, list | Mapping):
            raise RowError(
                f"{column} is {describe(draws)}: expected a list of lengths or an object",
                kind="bad samples",
            )
        by_name = isinstance(draws, Mapping)
        items = cast("Row", draws).items() if by_name else enumerate(cast("list[Any]", draws))
        lengths = [
            token_count(draw, f"{column}[{place!r}]", kind="bad samples")
            for place, draw in items
            if draw is not None
        ]
        if by_name and own in lengths:
            lengths.remove(own)
        return tuple(lengths)
