"""What the plugin needs of vLLM's objects, so that all but a few lines is typed without vLLM."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class EngineRequest(Protocol):
    """Of vllm.v1.request.Request."""

    request_id: str
    priority: int
    arrival_time: float
    status: Any
    sampling_params: Any
    lora_request: Any
    max_tokens: int
    prompt_token_ids: list[int] | None
    prompt_embeds: Any
    mm_features: Sequence[Any]
    output_token_ids: Sequence[int]
    num_tokens: int
    num_prompt_tokens: int
    num_output_tokens: int
    num_preemptions: int
    num_stale_output_tokens: int
    is_prefill_chunk: bool
    resumable: bool


class WaitingQueue(Protocol):
    """Of vllm.v1.core.sched.request_queue.PriorityRequestQueue."""

    _heap: list[EngineRequest]
    add_request: Callable[[EngineRequest], None]

    def __len__(self) -> int: ...


class EngineScheduler(Protocol):
    """Of vllm.v1.core.sched.scheduler.Scheduler."""

    requests: dict[str, EngineRequest]
    running: list[EngineRequest]
    waiting: WaitingQueue
    kv_holding_waiting: WaitingQueue
    vllm_config: Any
    scheduler_config: Any
    kv_cache_manager: Any
    block_size: int
    max_num_active_reqs: int
    max_num_running_reqs: int
    num_waiting_for_streaming_input: int
    requires_kv_delivery: bool
    pause_state: Any
    _preempt_request: Callable[..., None]
    _request_blocks_can_be_freed: Callable[[EngineRequest], bool]


def missing(of: object, names: Sequence[str]) -> str:
    """Those of some attributes that this vLLM's object does not have, as a list in words."""
    return ", ".join(name for name in names if not hasattr(of, name))
