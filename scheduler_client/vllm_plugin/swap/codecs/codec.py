"""How a block becomes a row of bytes in the host's memory: as it is."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch


class BlockCodec(Protocol):
    """Turns blocks of the device's memory into rows of bytes, and back."""

    slot_bytes: int
    """Of the row of one block."""

    lossy: bool

    def encode(self, block_ids: torch.Tensor, tokens: int) -> torch.Tensor:
        """The rows of some blocks of one request.

        Args:
            block_ids: In the order of its tokens, int64 on their device.
            tokens: Of them that are computed; behind those the last block holds whatever is left.

        Returns:
            uint8 of shape (blocks, slot_bytes).
        """
        ...

    def decode(self, rows: torch.Tensor, block_ids: torch.Tensor) -> None:
        """Write rows into blocks."""
        ...


def caches_by_block(
    caches: Mapping[str, torch.Tensor], blocks: int
) -> list[tuple[str, torch.Tensor]]:
    """Each layer's cache with the scheduler's blocks as its first axis.

    Args:
        caches: By layer, as vLLM registers them: (kernel blocks, heads, tokens, content); a
            backend may use smaller blocks than the scheduler. Layers may share one.
        blocks: How many the scheduler has on the device.

    Returns:
        Layer and view of each cache, once for layers that share it.

    Raises:
        UnknownLayoutError: If their shape is another.
    """
    by_address: dict[int, tuple[str, torch.Tensor]] = {}
    for name, cache in caches.items():
        if cache.dim() != 4 or cache.shape[0] == 0 or cache.shape[0] % blocks:
            raise UnknownLayoutError(f"layer {name} has a cache of shape {tuple(cache.shape)}")
        by_address.setdefault(cache.data_ptr(), (name, cache.unflatten(0, (blocks, -1))))
    if not by_address:
        raise UnknownLayoutError("there is no cache")
    return list(by_address.values())


class UnknownLayoutError(ValueError):
    """Blocks do not lie in memory in a way that is known here."""


class RawCodec:
    """Bytes as they are, of any dtype and in any order: only where a block begins must be known.

    Args:
        caches: One view for each layer, as `caches_by_block` gives them.
    """

    lossy = False

    def __init__(self, caches: Sequence[torch.Tensor]) -> None:
        self._caches = caches
        self._sizes = [cache[0].numel() * cache.element_size() for cache in caches]
        self.slot_bytes = sum(self._sizes)

    def encode(self, block_ids: torch.Tensor, tokens: int) -> torch.Tensor:
        del tokens
        count = len(block_ids)
        parts = [c[block_ids].reshape(count, -1).view(torch.uint8) for c in self._caches]
        return torch.cat(parts, dim=1)

    def decode(self, rows: torch.Tensor, block_ids: torch.Tensor) -> None:
        for cache, part in zip(self._caches, rows.split(self._sizes, dim=1), strict=True):
            values = part.contiguous().view(cache.dtype)
            cache[block_ids] = values.view(len(block_ids), *cache.shape[1:])
