"""Keys and values in a byte each: keys rounded per channel of a block, values per token.

Some channels of keys are larger than others by far, for all tokens alike, so a scale for each
channel loses least; values have no such channels. (The same for a cache of 2 bits: Liu et al. 2024,
KIVI, arXiv 2402.02750, section 3.) Over the tokens of one block they lie closer together than over
a whole request.
"""

from collections.abc import Sequence

import torch

from scheduler_client.vllm_plugin.swap.codecs.layout import BlockLayout

LEVELS = 255
"""Steps between the smallest and the largest of what shares a scale."""

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""What can be rounded."""

SCALE_DTYPE = torch.float16
"""Of the smallest number and the step that a group is kept with."""

SCALE_ERROR = 2.0**-11
"""Relative, of that dtype."""

SCALE_BYTES = 4
"""Of the two together."""

SCALE_LIMIT = 6e4
"""No key or value is so large in a model that works; float16 ends at 65,504."""


class EightBitCodec:
    """Rounds on the device, so that half as much crosses the link.

    Args:
        caches: One view for each layer, as `caches_by_block` gives them; their dtype is in DTYPES.
        layouts: Where keys and values lie in a block of each of them.
    """

    lossy = True

    def __init__(self, caches: Sequence[torch.Tensor], layouts: Sequence[BlockLayout]) -> None:
        self._layers = list(zip(caches, layouts, strict=True))
        self._row_sizes = [sum(_part_sizes(layout)) for layout in layouts]
        self.slot_bytes = sum(self._row_sizes)

    def encode(self, block_ids: torch.Tensor, tokens: int) -> torch.Tensor:
        parts: list[torch.Tensor] = []
        for cache, layout in self._layers:
            keys = _gather(cache, block_ids, layout.keys)
            filled = tokens - (len(block_ids) - 1) * keys.shape[1]
            keys[-1, filled:] = keys[-1, :1]  # whoever had the block before widens no scale
            parts += _rounded(keys, dim=1)
            parts += _rounded(_gather(cache, block_ids, layout.values), dim=-1)
        return torch.cat([part.reshape(len(block_ids), -1) for part in parts], dim=1)

    def decode(self, rows: torch.Tensor, block_ids: torch.Tensor) -> None:
        count = len(block_ids)
        for (cache, layout), row in zip(
            self._layers, rows.split(self._row_sizes, dim=1), strict=True
        ):
            shape = layout.keys.shape
            keys, k_scales, values, v_scales = row.split(_part_sizes(layout), dim=1)
            flat = torch.empty((count, cache[0].numel()), dtype=cache.dtype, device=cache.device)
            exact = _restored(keys.reshape(count, *shape), k_scales, (count, 1, *shape[1:]))
            flat[:, layout.keys.flatten()] = exact.view(count, -1).to(cache.dtype)
            exact = _restored(values.reshape(count, *shape), v_scales, (count, *shape[:-1], 1))
            flat[:, layout.values.flatten()] = exact.view(count, -1).to(cache.dtype)
            cache[block_ids] = flat.view(count, *cache.shape[1:])


def _part_sizes(layout: BlockLayout) -> list[int]:
    """Bytes of a block's keys, their scales, its values and theirs."""
    numbers = layout.keys.numel()
    channels, tokens = layout.keys[0].numel(), layout.values[..., 0].numel()
    return [numbers, SCALE_BYTES * channels, numbers, SCALE_BYTES * tokens]


def _gather(cache: torch.Tensor, block_ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """float32 of shape (blocks, tokens, heads, channels)."""
    flat = cache[block_ids].reshape(len(block_ids), -1)
    return flat[:, places.flatten()].view(len(block_ids), *places.shape).float()


def _rounded(numbers: torch.Tensor, dim: int) -> list[torch.Tensor]:
    """Bytes of the numbers, and of the scales of each group along an axis."""
    blocks = len(numbers)
    low, high = (
        end.clamp(-SCALE_LIMIT, SCALE_LIMIT)
        for end in (numbers.amin(dim, keepdim=True), numbers.amax(dim, keepdim=True))
    )
    # Rounded outwards, so that from the smallest to the largest all lie between the levels.
    nearest = low.to(SCALE_DTYPE)
    low = torch.where(nearest > low, (low - 2 * SCALE_ERROR * low.abs()).to(SCALE_DTYPE), nearest)
    step = ((high - low.float()) / LEVELS * (1 + SCALE_ERROR)).to(SCALE_DTYPE)
    # Where all are the same the step is 0, and so is what is above the lowest.
    levels = (numbers - low.float()) / step.float().clamp_min(torch.finfo(torch.float32).tiny)
    scales = torch.cat([low.reshape(blocks, -1), step.reshape(blocks, -1)], dim=1)
    return [levels.round().clamp(0, LEVELS).to(torch.uint8), scales.view(torch.uint8)]


def _restored(levels: torch.Tensor, scales: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """float32 numbers; the scales have the shape given."""
    low, step = scales.contiguous().view(SCALE_DTYPE).float().chunk(2, dim=1)
    return levels.float() * step.reshape(shape) + low.reshape(shape)
