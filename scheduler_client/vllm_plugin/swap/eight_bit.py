"""Keys and values in a byte each: keys rounded per channel, values per token.

Some channels of keys are larger than others by far, for all tokens alike, so a scale for each
channel loses least; values have no such channels. (The same for a cache of 2 bits: Liu et al. 2024,
KIVI, arXiv 2402.02750, section 3.) A channel's scale is taken over the request's own tokens and
kept once for the request.
"""

from collections.abc import Sequence

import torch

from scheduler_client.vllm_plugin.swap.layout import BlockLayout

LEVELS = 255
"""Steps between the smallest and the largest of what shares a scale."""

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""What can be rounded."""


class EightBitCodec:
    """Rounds on the device, so that half as much crosses the link.

    Args:
        caches: One view for each layer, as `caches_by_block` gives them; their dtype is in DTYPES.
        layouts: Where keys and values lie in a block of each of them.
    """

    lossy = True

    def __init__(self, caches: Sequence[torch.Tensor], layouts: Sequence[BlockLayout]) -> None:
        self._layers = list(zip(caches, layouts, strict=True))
        self._header_sizes = [layout.keys[0].numel() for layout in layouts]
        self._row_sizes = [_row_bytes(layout) for layout in layouts]
        self.slot_bytes = sum(self._row_sizes)
        self.header_bytes = sum(2 * 4 * channels for channels in self._header_sizes)

    def header(self, block_ids: torch.Tensor, tokens: int) -> torch.Tensor:
        """Smallest key and step of each channel, of each layer: float32 as bytes."""
        parts: list[torch.Tensor] = []
        for cache, layout in self._layers:
            keys = _gather(cache, block_ids, layout.keys).flatten(0, 1)[:tokens]
            parts += [part.flatten() for part in _low_and_step(keys, dim=0)]
        return torch.cat(parts).view(torch.uint8)

    def encode(self, block_ids: torch.Tensor, header: torch.Tensor) -> torch.Tensor:
        rows: list[torch.Tensor] = []
        for (cache, layout), (low, step) in zip(self._layers, self._scales(header), strict=True):
            keys = _gather(cache, block_ids, layout.keys)
            values = _gather(cache, block_ids, layout.values)
            low_v, step_v = _low_and_step(values, dim=-1)
            # Of the last block only the first tokens count for the scales: others are clamped.
            rows += [
                _rounded(keys, low.view(layout.keys.shape[1:]), step.view(layout.keys.shape[1:])),
                _rounded(values, low_v, step_v),
                low_v.reshape(len(block_ids), -1).view(torch.uint8),
                step_v.reshape(len(block_ids), -1).view(torch.uint8),
            ]
        return torch.cat([row.reshape(len(block_ids), -1) for row in rows], dim=1)

    def decode(self, rows: torch.Tensor, block_ids: torch.Tensor, header: torch.Tensor) -> None:
        parts = rows.split(self._row_sizes, dim=1)
        for (cache, layout), part, (low, step) in zip(
            self._layers, parts, self._scales(header), strict=True
        ):
            count, shape = len(block_ids), (len(block_ids), *layout.keys.shape)
            numbers, scales = layout.keys.numel(), 4 * layout.values[..., 0].numel()
            keys, values, low_v, step_v = part.split([numbers, numbers, scales, scales], dim=1)
            flat = torch.empty((count, cache[0].numel()), dtype=cache.dtype, device=cache.device)
            exact = keys.view(count, -1, len(low)) * step + low
            flat[:, layout.keys.flatten()] = exact.view(count, -1).to(cache.dtype)
            per_token = (*shape[:-1], 1)
            exact = values.reshape(shape) * _floats(step_v, per_token) + _floats(low_v, per_token)
            flat[:, layout.values.flatten()] = exact.view(count, -1).to(cache.dtype)
            cache[block_ids] = flat.view(count, *cache.shape[1:])

    def _scales(self, header: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        parts = header.view(torch.float32).split([n for n in self._header_sizes for _ in range(2)])
        return list(zip(parts[::2], parts[1::2], strict=True))


def _row_bytes(layout: BlockLayout) -> int:
    """A byte for each key and value, and two float32 for each token and head."""
    return 2 * layout.keys.numel() + 2 * 4 * layout.values[..., 0].numel()


def _gather(cache: torch.Tensor, block_ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """float32 of shape (blocks, tokens, heads, channels)."""
    flat = cache[block_ids].reshape(len(block_ids), -1)
    return flat[:, places.flatten()].view(len(block_ids), *places.shape).float()


def _low_and_step(numbers: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    low, high = numbers.amin(dim, keepdim=True), numbers.amax(dim, keepdim=True)
    return low, (high - low) / LEVELS


def _rounded(numbers: torch.Tensor, low: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    # Where all are the same the step is 0, and so is what is above the lowest.
    levels = (numbers - low) / step.clamp_min(torch.finfo(torch.float32).tiny)
    return levels.round().clamp(0, LEVELS).to(torch.uint8)


def _floats(data: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    return data.contiguous().view(torch.float32).view(shape)
