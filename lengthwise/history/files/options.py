"""What to read from a history and under which names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, get_args

from lengthwise.index.errors import InvalidInputError

OnError = Literal["stop", "skip"]

_COLUMN = "_column"
"""Ends the names of the fields that name a column."""


def flag(option: str) -> str:
    """Name the command line's option for a field: "prompt_column" is --prompt-column."""
    return "--" + option.replace("_", "-")


@dataclass(frozen=True)
class ReadOptions:
    """Columns and policies of reading; each field is one option of the command line.

    A column may be a path into nested values, such as "response.usage.completion_tokens" or
    "choices.0.finish_reason". Every column but the prompt's may be "", which means: do not look.

    Args:
        prompt_column: Text of the prompt, without earlier messages.
        output_tokens_column: Length of the answer, in tokens.
        model_column: Name of the LLM that answered.
        id_column: The row's id; rows without one are numbered "FILESTEM:LINE".
        max_tokens_column: The caller's limit, in tokens.
        temperature_column: The temperature of the sampling.
        finish_reason_column: Why the generation ended, in a server's words.
        group_column: Rows of one group are never split between learning and testing.
        samples_column: Further draws for the same prompt: a list, or an object name -> tokens.
        conversation_column: Messages earlier than the prompt.
        messages_column: A conversation in OpenAI's chat schema.
        conversations_column: A conversation in ShareGPT's schema.
        answer_column: The answer's text, counted where no length is given.
        lengths_by_model_column: An object LLM -> tokens: one record for each LLM.
        group_regex: Takes the group from the id: its first capture group. "" means no.
        tokenizer: Hugging Face name, folder or tokenizer.json to count answers with.
        on_error: "stop" at the first bad row, or "skip" it and count it.
        format: The tool that wrote the log, "columns" for none, or "auto" to recognise it.
        answers: File with the answers, where the history holds only the prompts.
        join_on: Column that both files have, or "row-number" where they are in the same order.
        where: Conditions on rows, see `where.Where`; others are left out.

    Raises:
        InvalidInputError: On an unusable column name, pattern or policy.
    """

    prompt_column: str = "prompt"
    output_tokens_column: str = "output_tokens"
    model_column: str = "model"
    id_column: str = "id"
    max_tokens_column: str = "max_tokens"
    temperature_column: str = "temperature"
    finish_reason_column: str = "finish_reason"
    group_column: str = "group"
    samples_column: str = "samples"
    conversation_column: str = "conversation"
    messages_column: str = "messages"
    conversations_column: str = "conversations"
    answer_column: str = "response"
    lengths_by_model_column: str = "lens"
    group_regex: str = ""
    tokenizer: str = ""
    on_error: OnError = "stop"
    format: str = "auto"
    answers: str = ""
    join_on: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        if not self.prompt_column:
            raise InvalidInputError("prompt_column is empty: expected the name of a column")
        for option, column in self._columns():
            if column != column.strip():
                raise InvalidInputError(f"{option} is {column!r}: expected no spaces around it")
        if self.on_error not in get_args(OnError):
            raise InvalidInputError(f"on_error is {self.on_error!r}: expected 'stop' or 'skip'")
        if self.group_regex and self.group_pattern.groups < 1:
            raise InvalidInputError(
                f"group_regex is {self.group_regex!r}: "
                "expected a capture group, as in '(.*)-[0-9]+'"
            )

    @cached_property
    def group_pattern(self) -> re.Pattern[str]:
        """The compiled group_regex."""
        try:
            return re.compile(self.group_regex)
        except re.error as error:
            raise InvalidInputError(
                f"group_regex is {self.group_regex!r}: expected a regular expression ({error})"
            ) from error

    def _columns(self) -> Iterator[tuple[str, str]]:
        for field in fields(self):
            if field.name.endswith(_COLUMN):
                yield field.name, getattr(self, field.name)

    def columns(self) -> dict[str, str]:
        """Give every column that is looked for: option -> name."""
        return {option: column for option, column in self._columns() if column}

    @cached_property
    def chosen_columns(self) -> dict[str, str]:
        """The columns that somebody chose, option -> name: they must exist, a default need not."""
        defaults = {field.name: field.default for field in fields(self)}
        return {o: column for o, column in self.columns().items() if column != defaults[o]}
