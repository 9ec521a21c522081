"""One row of a history: a prompt and how long its answer was."""

from dataclasses import dataclass
from typing import Literal, get_args

from lengthwise.index.errors import InvalidInputError

FinishReason = Literal["stop", "length"]

MAX_OUTPUT_TOKENS = 10_000_000
"""Beyond this a length is taken for a mistake: no LLM generates ten million tokens."""

MAX_PROMPT_CHARS = 4_000_000
"""Beyond this a prompt is taken for a mistake: some ten times the longest context in use."""

MAX_TEMPERATURE = 100.0
"""Beyond this a temperature is taken for a mistake: engines take 2 at most."""


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One past prompt and the length of its answer.

    Args:
        prompt: The text that the LLM saw, or the conversation rendered into one text.
        output_tokens: Tokens the LLM generated, at least 0.
        model: The LLM that answered; "" where it is not known.
        id: The row's own id; "" until the reader numbers it.
        max_tokens: The caller's limit, if there was one.
        finish_reason: "length" marks a censored row: the true length was longer.
        group: Rows that must not be split between learning and testing (one conversation, one
            prompt answered by several LLMs); "" means the row stands alone.
        samples: Further draws of the same LLM for the same prompt, for the noise ceiling.
        temperature: Of the sampling; 0 is greedy decoding, None means unknown.

    Raises:
        InvalidInputError: On an empty or oversized prompt, a length, limit or temperature out of
            range, or an unknown finish reason.
    """

    prompt: str
    output_tokens: int
    model: str = ""
    id: str = ""
    max_tokens: int | None = None
    finish_reason: FinishReason = "stop"
    group: str = ""
    samples: tuple[int, ...] = ()
    temperature: float | None = None

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
        if self.max_tokens is not None and not 1 <= self.max_tokens <= MAX_OUTPUT_TOKENS:
            raise InvalidInputError(
                f"max_tokens is {self.max_tokens}: expected 1 to {MAX_OUTPUT_TOKENS:,}"
            )
        if self.finish_reason not in get_args(FinishReason):
            raise InvalidInputError(
                f"finish_reason is {self.finish_reason!r}: expected 'stop' or 'length'"
            )
        if self.temperature is not None and not 0 <= self.temperature <= MAX_TEMPERATURE:
            raise InvalidInputError(
                f"temperature is {self.temperature:g}: expected 0 to {MAX_TEMPERATURE:g}"
            )

    @property
    def censored(self) -> bool:
        """True if the answer was cut off, so that its true length is only known to be longer."""
        return self.finish_reason == "length"
