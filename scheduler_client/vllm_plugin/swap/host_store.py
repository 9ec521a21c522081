"""The host's memory that swapped requests lie in: one slab of equal slots."""

from collections.abc import Iterator, Sequence

import psutil
import torch

from scheduler_client.vllm_plugin.swap.cgroup_memory import read_cgroup_memory

KEPT_FREE = 0.05
"""Of the host's memory: what is left when the slab is full, for everybody else."""


class HostMemoryRefusedError(MemoryError):
    """The host has not as much memory as was asked for."""


class HostStore:
    """A slab of the host's memory, pinned where a GPU copies to it.

    Args:
        slots: How many the slab has.
        slot_bytes: Bytes of each: the row of one block.
        pinned: Lock it into memory, for copies that run beside the host.

    Raises:
        HostMemoryRefusedError: If there is not so much memory, or in the container not.
    """

    def __init__(self, slots: int, slot_bytes: int, *, pinned: bool) -> None:
        wanted = slots * slot_bytes
        taken = locked_bytes(wanted) if pinned else wanted
        # The kernel promises more than there is, and ends the process when the promise is called.
        available = spare_bytes()
        if taken > available:
            rounded = f", for which torch locks {taken:,} (a power of two)" if pinned else ""
            raise HostMemoryRefusedError(
                f"{wanted:,} bytes of the host's memory were asked for{rounded}; {available:,} can "
                "be spared"
            )
        try:
            self._slab = torch.empty((slots, slot_bytes), dtype=torch.uint8, pin_memory=pinned)
        except (RuntimeError, MemoryError) as error:
            raise HostMemoryRefusedError(f"{wanted:,} bytes were refused: {error}") from error
        self._pinned = pinned

    @property
    def slot_bytes(self) -> int:
        """Bytes of a slot."""
        return self._slab.shape[1]

    def write(self, slots: Sequence[int], rows: torch.Tensor) -> None:
        """Copy to slots.

        Args:
            slots: Their numbers, from 0; neighbours are copied in one go.
            rows: uint8, one row of `slot_bytes` for each.
        """
        for first, last, row in _runs(slots):
            rows_of_run = rows[row : row + last - first]
            self._slab[first:last].copy_(rows_of_run, non_blocking=self._pinned)

    def read(self, slots: Sequence[int], device: torch.device) -> torch.Tensor:
        """Copy from slots.

        Returns:
            uint8, one row of `slot_bytes` for each slot, on the device.
        """
        rows = torch.empty((len(slots), self.slot_bytes), dtype=torch.uint8, device=device)
        for first, last, row in _runs(slots):
            rows[row : row + last - first].copy_(self._slab[first:last], non_blocking=self._pinned)
        return rows


def spare_bytes() -> int:
    """Of the host's memory, or of the container's where that has less."""
    memory = psutil.virtual_memory()
    available, total = memory.available, memory.total
    container = read_cgroup_memory()
    if container is not None:
        available = min(available, container.spare_bytes)
        total = min(total, container.limit_bytes)
    return max(0, int(available - KEPT_FREE * total))


def locked_bytes(wanted: int) -> int:
    """What torch locks for so many bytes: its allocator of pinned memory knows powers of two only.

    See CachingHostAllocatorImpl::allocate in ATen/core/CachingHostAllocator.h.
    """
    return 1 << max(0, wanted - 1).bit_length()


def _runs(slots: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First slot, last slot + 1 and first row of each run of neighbours."""
    start = 0
    for row in range(1, len(slots) + 1):
        if row == len(slots) or slots[row] != slots[row - 1] + 1:
            yield slots[start], slots[row - 1] + 1, start
            start = row
