"""Where in a block each number of a key and of a value lies: found by asking the backend.

Attention backends arrange blocks as their kernels like it (heads before tokens, keys beside values,
keys packed for a CPU's matrix unit), and the shape does not tell. So one block is written by the
backend's own function, every number naming itself, and read back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from scheduler_client.vllm_plugin.swap.codecs.codec import UnknownLayoutError

BASE = 128
"""Of the digits that names are written in: bfloat16 holds whole numbers up to 256 exactly."""

DIGITS = 3
"""Digits of a name: a block may have some two million numbers, and is written three times."""

WriteBlock = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]
"""Writes keys and values of shape (tokens, heads, channels) into a cache of one block."""


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Where keys and values lie in a block that is read in the order of its axes.

    Args:
        keys: Positions of the keys, int64 of shape (tokens, heads, channels).
        values: Positions of the values, int64 of the same shape.
    """

    keys: torch.Tensor
    values: torch.Tensor

    @classmethod
    def from_probe(
        cls, cache: torch.Tensor, heads: int, channels: int, write: WriteBlock
    ) -> "BlockLayout":
        """Ask a backend.

        Args:
            cache: Of a layer: (scheduler's blocks, kernel blocks in each, heads, tokens, content).
            heads: Of keys and of values, in this worker.
            channels: Numbers in a key and in a value of one head.
            write: The backend's own function: fills a cache of one block.

        Raises:
            UnknownLayoutError: If not every position is written exactly once.
        """
        kernel_blocks, tokens = cache.shape[1], cache.shape[3]
        size = cache[0, 0].numel()
        if size != 2 * tokens * heads * channels or size > BASE**DIGITS:
            raise UnknownLayoutError(
                f"a block has {size} numbers: expected {tokens} tokens, {heads} heads and "
                f"{channels} channels of keys and values"
            )
        probe = _one_block_like(cache)
        names = torch.arange(size // 2, device=cache.device).view(tokens, heads, channels)
        found = torch.zeros(size, dtype=torch.int64, device=cache.device)
        is_value = found.bool()
        for digit in reversed(range(DIGITS)):
            probe.zero_()
            # Keys are written as 1 to BASE, values as their negatives: 0 is what nobody wrote.
            numbers = (names // BASE**digit % BASE + 1).to(cache.dtype)
            write(probe, numbers, -numbers)
            read = probe.reshape(-1).to(torch.int64)
            found = found * BASE + (read.abs() - 1)
            is_value = read < 0
        key_places = _places(found, ~is_value, names.shape)
        value_places = _places(found, is_value, names.shape)
        offsets = torch.arange(kernel_blocks, device=cache.device) * size
        spread = offsets.repeat_interleave(tokens).view(-1, 1, 1)
        return cls(
            key_places.repeat(kernel_blocks, 1, 1) + spread,
            value_places.repeat(kernel_blocks, 1, 1) + spread,
        )


def _one_block_like(cache: torch.Tensor) -> torch.Tensor:
    """A cache of one kernel block, with the strides that a backend may rely on."""
    shape, strides = (1, *cache.shape[2:]), cache.stride()[1:]
    span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    memory = torch.zeros(span, dtype=cache.dtype, device=cache.device)
    return memory.as_strided(shape, strides)


def _places(found: torch.Tensor, wanted: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Where each name was found."""
    positions = wanted.nonzero().flatten()
    names = found[positions]
    count = shape.numel()
    if len(names) != count or not torch.equal(names.sort().values, torch.arange(count).to(names)):
        raise UnknownLayoutError("the backend did not write each number of a block exactly once")
    places = torch.empty(count, dtype=torch.int64, device=found.device)
    places[names] = positions
    return places.view(shape)
