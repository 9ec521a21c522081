"""How the load moves."""

import random
from dataclasses import dataclass

STEP_TOKENS = 2048
"""vLLM's default for a server."""

LEAST_ANSWER_TOKENS = 16
"""Of shorter ones the mean time between tokens is that of a few steps."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time in which the load stays the same.

    Args:
        name: For the tables.
        callers: Each sends its next request when the one before has ended.
        prompt_tokens: Mean length of the prompts, which are from half to one and a half of it.
        answer_tokens: Mean length of the answers; gamma distributed, of shape 2.
        seconds: How long it lasts.
    """

    name: str
    callers: int
    prompt_tokens: int
    answer_tokens: int
    seconds: float = 30.0

    def draw(self, chance: random.Random) -> tuple[int, int]:
        """Tokens of a prompt and of its answer."""
        prompt = int(self.prompt_tokens * chance.uniform(0.5, 1.5))
        answer = int(chance.gammavariate(2, self.answer_tokens / 2))
        return prompt, max(LEAST_ANSWER_TOKENS, min(4 * self.answer_tokens, answer))


@dataclass(frozen=True, slots=True)
class Setting:
    """How the engine is limited.

    Args:
        name: For the tables.
        limit: Requests that run at once; None follows backpressure.
        step_tokens: Of prompts and answers in one step at the most.
    """

    name: str
    limit: int | None
    step_tokens: int = STEP_TOKENS


FIXED = (Setting("8", 8), Setting("16", 16), Setting("64", 64))
"""From small to all slots."""

LIVE = Setting("live", None)
SHORT_STEPS = Setting("live, 128 tokens a step", None, step_tokens=128)
"""Steps whose prompts take no more than the SLO leaves: vLLM's own lever, beside the limit."""

SETTINGS = (*FIXED, LIVE, SHORT_STEPS)

PHASES = (
    Phase("few callers", 6, 100, 60, seconds=10.0),
    Phase("many, short prompts", 80, 60, 60),
    Phase("many, long prompts", 80, 540, 60),
    Phase("many, very long prompts", 40, 1_000, 60),
    Phase("many, longer answers", 90, 120, 90),
    Phase("some, long prompts", 12, 540, 60),
)
"""From one to the next the number of callers that an engine can serve changes up to eightfold, and
no fixed limit is the best in all of them."""
