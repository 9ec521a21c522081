"""What a worker makes ready at start-up: a codec for its blocks, and the host's memory for them."""

from typing import Any

import torch

from scheduler_client.vllm_plugin.swap.codec import BlockCodec, RawCodec, caches_by_block
from scheduler_client.vllm_plugin.swap.host_store import HostStore
from scheduler_client.vllm_plugin.swap.orders import WorkerMemory
from scheduler_client.vllm_plugin.swap.settings import GIB_VARIABLE, SwapSettings
from scheduler_client.vllm_plugin.swap.worker_side import SwapWorker


def open_worker(
    vllm_config: Any, blocks: int, caches: dict[str, torch.Tensor], settings: SwapSettings
) -> tuple[SwapWorker, WorkerMemory]:
    """Make a worker ready to swap.

    Args:
        vllm_config: vllm.config.VllmConfig.
        blocks: Of the scheduler, on the device.
        caches: By layer, as vLLM registers them.
        settings: Of the user.

    Raises:
        UnknownLayoutError: If it is not known where in a block is what.
        HostMemoryRefusedError: If the host has not as much memory.
        ValueError: If that much memory does not hold a single block.
    """
    codec: BlockCodec = RawCodec(caches_by_block(caches, blocks))
    share = settings.worker_bytes(vllm_config.parallel_config.tensor_parallel_size)
    slots = share // codec.slot_bytes
    header_slots = -(-codec.header_bytes // codec.slot_bytes)
    if slots <= header_slots:
        raise ValueError(
            f"{GIB_VARIABLE} is {settings.host_gib:g}: that holds no block of "
            f"{codec.slot_bytes:,} bytes"
        )
    device = next(iter(caches.values())).device
    store = HostStore(slots, codec.slot_bytes, pinned=device.type == "cuda")
    memory = WorkerMemory(slots, header_slots, lossy=codec.lossy)
    return SwapWorker(codec, store, device), memory
