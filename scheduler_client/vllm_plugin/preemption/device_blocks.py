"""Blocks of the device's memory: what running requests hold of them, and what waiting ones lack."""

from typing import Any

from scheduler_client.vllm_plugin.seams import EngineRequest, EngineScheduler

COUNTED = ("FullAttentionSpec", "MLAAttentionSpec")
"""Kinds of cache in which a request holds as many blocks as its tokens fill, as long as it runs."""


def counts_blocks(scheduler: EngineScheduler) -> bool:
    """Whether what a request holds and lacks follows from its tokens.

    It does not where a model has caches of several kinds, or lets go of what slides out of a
    window, nor in a vLLM that keeps its books in another way.
    """
    try:
        groups = scheduler.kv_cache_manager.kv_cache_config.kv_cache_groups
        kinds = [type(group.kv_cache_spec).__name__ for group in groups]
        return len(kinds) == 1 and kinds[0] in COUNTED and scheduler.block_size > 0
    except AttributeError:
        return False


def lacking_blocks(scheduler: EngineScheduler, request: EngineRequest) -> int:
    """Blocks that are to become free before vLLM admits a waiting request; under 1: none is.

    Args:
        scheduler: The engine's, of which `counts_blocks` holds.
        request: One that waits, in whichever of its queues.
    """
    manager = scheduler.kv_cache_manager
    filled = -(-request.num_tokens // scheduler.block_size)
    # What a running request holds too, in the prefix cache, is no block more.
    cached = manager.get_computed_blocks(request)[0].blocks[0]
    shared = sum(block.ref_cnt > 0 for block in cached)
    return filled - shared + manager.watermark_blocks - manager.block_pool.get_num_free_blocks()


def freed_blocks(manager: Any, request_id: str) -> int:
    """Blocks of a manager that become free with a running request: what it shares does not."""
    (blocks,) = manager.get_blocks(request_id).blocks
    return sum(block.ref_cnt == 1 for block in blocks)
