"""What is asked, and of which engine."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from serving_sim.engine.engine import Engine, KvSwap
from serving_sim.engine.profile import Profile
from serving_sim.reproduce.alise import PROFILE, workload
from serving_sim.workload.requests import Requests
from testbed.engine import CACHE
from testbed.in_engine.modelled_engine import ModelledOptions, ModelledRequest
from testbed.tiny_model import TinyLlama, tiny_model

BLOCK_TOKENS = 32
"""The smallest that vLLM's attention on a CPU takes."""

STEP_TOKENS = 2048
SLOTS = 256
QUANTISE_S_PER_TOKEN = 2e-6
"""To read 800 KB and write as much at 1,555 GB/s takes 1 microsecond; with a margin."""

FAST = TinyLlama(hidden=64, layers=1, heads=2)
"""Where only lengths matter: its steps take a CPU a few milliseconds."""

VOCABULARY = (1_000, 20_000)
"""Token ids of prompts."""

Kind = Literal["recompute", "16 bits", "8 bits"]
"""What becomes of the preempted."""

KINDS: tuple[Kind, ...] = ("recompute", "16 bits", "8 bits")


@dataclass(frozen=True, slots=True)
class Setting:
    """The sets and the size of the runs.

    Args:
        data: Folder of the sets.
        quick: Small sizes.
    """

    data: Path
    quick: bool

    def requests(self, lengths: str, count: int, rate_per_s: float, seed: int) -> Requests:
        """Of one of the simulator's sets, with noisy predictions; infinity: all at once."""
        return workload(self.data, lengths, profile()).draw(count, rate_per_s, seed)

    def count(self, whole: int) -> int:
        """Of requests of a run."""
        return max(60, whole // 5) if self.quick else whole


def profile() -> Profile:
    """The GPU that the clock is of."""
    return Profile.from_name(PROFILE)


def blocks() -> int:
    """That fit into its memory."""
    given = profile()
    assert given.kv_blocks is not None  # noqa: S101  it is shipped with it
    return given.kv_blocks * given.block_tokens // BLOCK_TOKENS


def swap_options(kind: Kind) -> KvSwap | None:
    """Of its link; None recomputes."""
    given = profile()
    assert given.kv_bytes_per_token is not None  # noqa: S101  as above
    assert given.link_bytes_per_s is not None  # noqa: S101  as above
    if kind == "recompute":
        return None
    return KvSwap(
        given.kv_bytes_per_token,
        given.link_bytes_per_s,
        bits=8 if kind == "8 bits" else 16,
        quantise_s_per_token=QUANTISE_S_PER_TOKEN,
        overlapped=True,
    )


def engine_options(kind: Kind, *, host_gib: float = 1.0, dtype: str = "float32") -> ModelledOptions:
    """The engine."""
    return ModelledOptions(
        profile().cost,
        blocks(),
        BLOCK_TOKENS,
        SLOTS,
        swap=swap_options(kind),
        host_gib=host_gib,
        dtype=dtype,
    )


def simulated_engine(kind: Kind) -> Engine:
    """The same in the simulator."""
    return Engine(
        "continuous",
        SLOTS,
        kv_blocks=blocks(),
        block_tokens=BLOCK_TOKENS,
        step_tokens=STEP_TOKENS,
        swap=swap_options(kind),
    )


def fast_model() -> Path:
    """Its folder."""
    return tiny_model(CACHE, replace(FAST, window_tokens=ModelledOptions.window_tokens))


def as_modelled(requests: Requests, seed: int) -> list[ModelledRequest]:
    """Prompts of chance, of the lengths given."""
    chance = random.Random(seed)
    return [
        ModelledRequest(
            [chance.randrange(*VOCABULARY) for _ in range(int(asked))],
            int(answered),
            float(arrival_s),
        )
        for asked, answered, arrival_s in zip(
            requests.input_tokens, requests.output_tokens, requests.arrival_s, strict=True
        )
    ]


@dataclass(frozen=True, slots=True)
class Times:
    """Completion times of a run, in seconds."""

    mean_s: float
    p99_s: float
    s_per_token: float

    @classmethod
    def from_run(cls, completed_s: Sequence[float], requests: Requests) -> "Times":
        """Of a run's requests."""
        jct_s = np.array(completed_s) - requests.arrival_s
        per_token = float(np.mean(jct_s / requests.output_tokens))
        return cls(float(jct_s.mean()), float(np.percentile(jct_s, 99)), per_token)


AT_ONCE = math.inf
"""Rate of a burst."""
