"""The engine that the load is put on."""

from dataclasses import replace
from pathlib import Path

from benchmarks.vllm_live_limit.phases import STEP_TOKENS
from serving_sim.engine.profile import Profile
from testbed.engine import CACHE
from testbed.in_engine.modelled_engine import ModelledOptions
from testbed.tiny_model import TinyLlama, tiny_model

SLOTS = 64
WINDOW_TOKENS = 2048
BLOCKS = 10_000
"""Of 32 tokens: the GPU that the clock is of holds 15,700, here memory is for all that run, so that
the time between tokens alone limits the batch."""

SCHEDULER = "scheduler_client.vllm_plugin.scheduler.LengthwiseScheduler"


def engine_options() -> ModelledOptions:
    """The engine: OPT-13B's time on an A100, as the simulator's profile derives it."""
    return ModelledOptions(
        Profile.from_name("opt-13b-a100-40gb").cost,
        BLOCKS,
        slots=SLOTS,
        window_tokens=WINDOW_TOKENS,
        scheduler=SCHEDULER,
        step_tokens=STEP_TOKENS,
    )


def fast_model() -> Path:
    """A model whose steps take a CPU a few milliseconds."""
    recipe = TinyLlama(hidden=64, layers=1, heads=2)
    return tiny_model(CACHE, replace(recipe, window_tokens=WINDOW_TOKENS))
