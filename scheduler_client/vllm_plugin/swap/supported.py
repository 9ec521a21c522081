"""Which engines are swapped for: those whose blocks all mean the same."""

from typing import Any

from scheduler_client.vllm_plugin.swap.settings import GIB_VARIABLE, SwapSettings


def what_is_unsupported(
    vllm_config: Any, kv_cache_config: Any, settings: SwapSettings | None
) -> str | None:
    """Why an engine cannot be swapped for, in words; None if it can.

    Args:
        vllm_config: The engine's vllm.config.VllmConfig: tells of parallelism and speculation.
        kv_cache_config: Its vllm.v1.kv_cache_interface.KVCacheConfig: tells the kinds of cache.
        settings: What the user set; None where nothing is to be swapped.
    """
    if settings is None:
        return f"{GIB_VARIABLE} is not set"
    return _about_the_cache(kv_cache_config) or _about_the_engine(vllm_config)


def _about_the_cache(kv_cache_config: Any) -> str | None:
    groups = kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        return f"this model has {len(groups)} kinds of cache, not one"
    kind = type(groups[0].kv_cache_spec).__name__
    if kind != "FullAttentionSpec":
        return f"this model's cache is of the kind {kind}, not of full attention"
    if kv_cache_config.needs_kv_cache_zeroing:
        return "vLLM zeroes this model's blocks before they can be copied out"
    return None


def _about_the_engine(vllm_config: Any) -> str | None:
    if vllm_config.speculative_config is not None:
        return "speculative decoding leaves tokens in the cache that were not accepted"
    parallel = vllm_config.parallel_config
    if parallel.pipeline_parallel_size > 1 or parallel.decode_context_parallel_size > 1:
        return "pipeline and context parallelism spread a request's blocks in another way"
    return None
