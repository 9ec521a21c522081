"""One row of a history: a prompt and how long its answer was."""

from dataclasses import dataclass
from typing import get_args

from lengthwise.index.errors import InvalidInputError
from lengthwise.request import MAX_OUTPUT_TOKENS, FinishReason, SamplingConditions

MAX_PROMPT_CHARS = 4_000_000
"""Beyond this a prompt is taken for a mistake: some ten times the longest context in use."""


RowKey = tuple[str, str]
"""A row's caller and id, which together are its own."""


@dataclass(frozen=True, slots=True)
class HistoryRecord(SamplingConditions):
    """One past prompt and the length of its answer.

    The conditions that it was sampled under are given by name.

    Args:
        prompt: The text that the LLM saw, or the conversation rendered into one text.
        output_tokens: Tokens the LLM generated, at least 0.
        model: The LLM that answered; "" where it is not known.
        id: The row's own id; "" until the reader numbers it.
        finish_reason: "length" marks a censored row: the true length was longer.
        group: Rows that must not be split between learning and testing (one conversation, one
            prompt answered by several LLMs); "" means the row stands alone.
        caller: Who reported it, as the service names its callers; "" where that is not known.
        samples: Further draws of the same LLM for the same prompt, for the noise ceiling.

    Raises:
        InvalidInputError: On an empty or oversized prompt, a length or condition out of range,
            or an unknown finish reason.
    """

    prompt: str
    output_tokens: int
    model: str = ""
    id: str = ""
    finish_reason: FinishReason = "stop"
    group: str = ""
    caller: str = ""
    samples: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise InvalidInputError("prompt is empty: expected at least one visible character")
        if len(self.prompt) > MAX_PROMPT_CHARS:
            raise InvalidInputError(
                f"prompt has {len(self.prompt):,} characters: expected at most {MAX_PROMPT_CHARS:,}"
            )
        if not 0 <= self.output_tokens <= MAX_OUTPUT_TOKENS:
            raise InvalidInputError(
                f"output_tokens is {self.output_tokens}: expected 0 to {MAX_OUTPUT_TOKENS:,}"
            )
        if self.finish_reason not in get_args(FinishReason):
            raise InvalidInputError(
                f"finish_reason is {self.finish_reason!r}: expected 'stop' or 'length'"
            )
        if fault := self.out_of_range():
            raise InvalidInputError(fault)

    @property
    def key(self) -> RowKey:
        """By which it is known again: two callers may give the same id."""
        return self.caller, self.id

    @property
    def censored(self) -> bool:
        """True if the answer was cut off, so that its true length is only known to be longer."""
        return self.finish_reason == "length"
