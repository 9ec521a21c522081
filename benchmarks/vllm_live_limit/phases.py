"""How the load moves, and the engine that it is put on."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

from serving_sim.engine.profile import Profile
from testbed.engine import CACHE
from testbed.in_engine.modelled_engine import ModelledOptions
from testbed.tiny_model import TinyLlama, tiny_model

SLO_S = 0.05
"""Between two tokens of a request: 20 tokens a second, several times what people read."""

SLOTS = 64
WINDOW_TOKENS = 2048
STEP_TOKENS = 2048
"""vLLM's default for a server."""

BLOCKS = 10_000
"""Of 32 tokens: the GPU that the clock is of holds 15,700, here memory is for all that run, so that
the time between tokens alone limits the batch."""

SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"

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


def engine_options(step_tokens: int = STEP_TOKENS) -> ModelledOptions:
    """The engine: OPT-13B's time on an A100, as the simulator's profile derives it."""
    return ModelledOptions(
        Profile.from_name("opt-13b-a100-40gb").cost,
        BLOCKS,
        slots=SLOTS,
        window_tokens=WINDOW_TOKENS,
        scheduler=SCHEDULER,
        step_tokens=step_tokens,
    )


def fast_model() -> Path:
    """A model whose steps take a CPU a few milliseconds."""
    recipe = TinyLlama(hidden=64, layers=1, heads=2)
    return tiny_model(CACHE, replace(recipe, window_tokens=WINDOW_TOKENS))
