"""What a worker makes ready at start-up: a codec for its blocks, and the host's memory for them."""

from typing import Any

import torch

from scheduler_client.vllm_plugin.swap.codecs.codec import (
    BlockCodec,
    RawCodec,
    UnknownLayoutError,
    caches_by_block,
)
from scheduler_client.vllm_plugin.swap.codecs.eight_bit import DTYPES, EightBitCodec
from scheduler_client.vllm_plugin.swap.codecs.layout import BlockLayout
from scheduler_client.vllm_plugin.swap.host_store import HostStore
from scheduler_client.vllm_plugin.swap.link import link_of
from scheduler_client.vllm_plugin.swap.orders import WorkerMemory
from scheduler_client.vllm_plugin.swap.settings import (
    BITS_VARIABLE,
    GIB_VARIABLE,
    SwapSettings,
)
from scheduler_client.vllm_plugin.swap.worker_side import SwapWorker


def open_worker(
    vllm_config: Any, blocks: int, caches: dict[str, torch.Tensor], settings: SwapSettings
) -> tuple[SwapWorker, WorkerMemory]:
    """Make a worker ready to swap.

    Args:
        vllm_config: The engine's vllm.config.VllmConfig: tells its workers and attention layers.
        blocks: How many the scheduler has on the device.
        caches: By layer, as vLLM registers them.
        settings: How much of the host's memory, and in how many bits.

    Raises:
        UnknownLayoutError: If it is not known where in a block is what.
        HostMemoryRefusedError: If the host has not as much memory.
        ValueError: If that much memory does not hold a single block.
    """
    codec = _codec(vllm_config, caches, blocks, settings)
    share = settings.worker_bytes(vllm_config.parallel_config.tensor_parallel_size)
    slots = share // codec.slot_bytes
    if slots < 1:
        raise ValueError(
            f"{GIB_VARIABLE} is {settings.host_gib:g}: that holds no block of "
            f"{codec.slot_bytes:,} bytes"
        )
    device = next(iter(caches.values())).device
    store = HostStore(slots, codec.slot_bytes, pinned=device.type == "cuda")
    block_tokens = vllm_config.cache_config.block_size
    worker = SwapWorker(codec, store, device, link_of(device), block_tokens)
    return worker, WorkerMemory(slots, lossy=codec.lossy)


def _codec(
    vllm_config: Any, caches: dict[str, torch.Tensor], blocks: int, settings: SwapSettings
) -> BlockCodec:
    by_block = caches_by_block(caches, blocks)
    if settings.bits != 8:
        return RawCodec([cache for _, cache in by_block])
    for name, cache in by_block:
        if cache.dtype not in DTYPES:
            raise UnknownLayoutError(
                f"layer {name} has a cache of {cache.dtype}, which is not rounded: set "
                f"{BITS_VARIABLE}=16"
            )
    layers = vllm_config.compilation_config.static_forward_context
    layouts = [_layout(layers[name], cache) for name, cache in by_block]
    return EightBitCodec([cache for _, cache in by_block], layouts)


def _layout(layer: Any, cache: torch.Tensor) -> BlockLayout:
    """Of the blocks of an attention layer, vllm's Attention."""
    if not hasattr(layer.impl, "do_kv_cache_update"):
        backend = type(layer.impl).__name__
        raise UnknownLayoutError(f"{backend} does not say how it fills a block")

    def write(probe: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        slots = torch.arange(len(keys), device=probe.device)
        layer.impl.do_kv_cache_update(layer, keys, values, probe, slots)

    return BlockLayout.from_probe(cache, layer.num_kv_heads, layer.head_size, write)
