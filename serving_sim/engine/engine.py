"""What engine is simulated."""

import math
from dataclasses import dataclass
from typing import Literal

from serving_sim.errors import InvalidEngineError

Batching = Literal["none", "dynamic", "continuous"]
"""none: one request at a time. dynamic: batches that run to their longest. continuous: requests
join and leave the batch at every step."""

MAX_UNLIMITED_BLOCKS = 1 << 60


@dataclass(frozen=True, slots=True)
class SwapOptions:
    """Preempted requests keep their keys and values, in the CPU's memory.

    Args:
        bytes_per_token: Of keys and values, in the GPU.
        link_bytes_per_s: Between the GPU and the CPU, one way at a time.
        cpu_bytes: The CPU's memory for them; where it is full, a preempted request is recomputed.
        bits: 16, or 8: half the bytes over the link and in the CPU's memory (ALISE).
        quantise_s_per_token: With 8 bits, the time to convert a token, either way.
        overlapped: Transfers go on beside the step rather than before it.
        lazy: Who is preempted for another keeps its blocks until they are wanted; the policy then
            says who goes. Otherwise it is swapped out at once.

    Raises:
        InvalidEngineError: If a number is out of range.
    """

    bytes_per_token: float
    link_bytes_per_s: float
    cpu_bytes: float = math.inf
    bits: Literal[8, 16] = 16
    quantise_s_per_token: float = 0.0
    overlapped: bool = False
    lazy: bool = False

    def __post_init__(self) -> None:
        for name in ("bytes_per_token", "link_bytes_per_s"):
            value: float = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InvalidEngineError(f"{name} is {value}: expected a finite number above 0")
        if not (math.isfinite(self.quantise_s_per_token) and self.quantise_s_per_token >= 0):
            raise InvalidEngineError(
                f"quantise_s_per_token is {self.quantise_s_per_token}: expected at least 0"
            )
        if self.bits not in (8, 16) or not self.cpu_bytes >= 0:
            raise InvalidEngineError(
                f"bits is {self.bits} and cpu_bytes {self.cpu_bytes}: expected 8 or 16, and at "
                "least 0"
            )

    @property
    def moved_bytes_per_token(self) -> float:
        """Bytes per token over the link, and in the CPU's memory."""
        return self.bytes_per_token * self.bits / 16

    def transfer_s(self, tokens: int) -> float:
        """The time that so many tokens' keys and values take over the link."""
        convert_s = self.quantise_s_per_token if self.bits == 8 else 0.0
        return tokens * (self.moved_bytes_per_token / self.link_bytes_per_s + convert_s)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine's limits.

    Args:
        batching: How requests share a step.
        slots: Requests that run at once (vLLM's max_num_seqs); with no batching, 1.
        kv_blocks: Of keys and values in memory; None for as many as are wanted.
        block_tokens: Of a block.
        step_tokens: Tokens that a step computes at most (vLLM's max_num_batched_tokens): longer
            prompts are cut into chunks.
        batch_wait_s: Dynamic batching: a batch that is not full starts when its first request
            has waited so long.
        swap: None: a preempted request is recomputed.

    Raises:
        InvalidEngineError: If a number is out of range.
    """

    batching: Batching = "continuous"
    slots: int = 32
    kv_blocks: int | None = None
    block_tokens: int = 16
    step_tokens: int = 2048
    batch_wait_s: float = 0.1
    swap: SwapOptions | None = None

    def __post_init__(self) -> None:
        if self.batching not in ("none", "dynamic", "continuous"):
            raise InvalidEngineError(
                f"batching is {self.batching!r}: expected none, dynamic or continuous"
            )
        for name in ("slots", "block_tokens", "step_tokens"):
            if getattr(self, name) < 1:
                raise InvalidEngineError(f"{name} is {getattr(self, name)}: expected at least 1")
        if self.kv_blocks is not None and self.kv_blocks < 1:
            raise InvalidEngineError(f"kv_blocks is {self.kv_blocks}: expected at least 1, or None")
        if self.batching == "none" and self.slots != 1:
            raise InvalidEngineError(
                f"slots is {self.slots} with no batching: expected 1, or batching='continuous'"
            )
        if self.step_tokens < self.slots:
            raise InvalidEngineError(
                f"step_tokens is {self.step_tokens} for {self.slots} slots: expected at least "
                "one token for each"
            )
        if not (math.isfinite(self.batch_wait_s) and self.batch_wait_s >= 0):
            raise InvalidEngineError(f"batch_wait_s is {self.batch_wait_s}: expected at least 0")

    @property
    def total_blocks(self) -> int:
        """Blocks in memory."""
        return MAX_UNLIMITED_BLOCKS if self.kv_blocks is None else self.kv_blocks

    def blocks_of(self, tokens: int) -> int:
        """Blocks that so many tokens of one request take."""
        return -(-tokens // self.block_tokens)
