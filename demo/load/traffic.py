"""What is asked: prompts that the sample history does not hold, with the lengths of answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from demo.sample_history import held_out_prompts

PROMPTS = 10_000
"""After so many the same come again."""

LIMIT_TOKENS = 4_000
"""The `max_tokens` of every request: it says nothing of a single answer."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A prompt, and how long its answer is to be.

    Args:
        prompt: The text that is asked.
        output_tokens: From 1 to below LIMIT_TOKENS.
    """

    prompt: str
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Course:
    """How answers change while the demo runs, as an LLM's do when it is replaced.

    Args:
        times: Answers get so many times longer,
        after_s: so many seconds after the start.
    """

    times: float
    after_s: float

    def tokens(self, usual_tokens: int, elapsed_s: float) -> int:
        """The length of an answer at a time, in seconds since the start."""
        factor = self.times if elapsed_s >= self.after_s else 1.0
        return min(max(1, round(factor * usual_tokens)), LIMIT_TOKENS - 1)


def prompts_and_lengths(count: int = PROMPTS) -> Iterator[tuple[str, int]]:
    """Prompts and the usual lengths of their answers, round and round."""
    return cycle([(row.prompt, row.output_tokens) for row in held_out_prompts(count)])
