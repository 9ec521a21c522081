"""What the plugin needs of vLLM's objects, so that all but a few lines is typed without vLLM."""

from collections.abc import Sequence
from typing import Any, Protocol


class Tokenizer(Protocol):
    """Of vllm.tokenizers.TokenizerLike."""

    def decode(self, ids: list[int], *, skip_special_tokens: bool = False) -> str:
        """The text of token ids."""
        ...


class ModelConfig(Protocol):
    """Of vllm.config.ModelConfig."""

    served_model_name: str


class SchedulerConfig(Protocol):
    """Of vllm.config.SchedulerConfig."""

    policy: str


class VllmConfig(Protocol):
    """Of vllm.config.VllmConfig."""

    model_config: ModelConfig
    scheduler_config: SchedulerConfig


class LoraRequest(Protocol):
    """Of vllm.lora.request.LoRARequest."""

    lora_name: str


class EngineRequest(Protocol):
    """Of vllm.v1.request.Request."""

    request_id: str
    priority: int
    arrival_time: float
    status: Any
    sampling_params: Any
    lora_request: LoraRequest | None
    max_tokens: int
    prompt_token_ids: list[int] | None
    prompt_embeds: Any
    mm_features: Sequence[Any]
    output_token_ids: Sequence[int]
    num_prompt_tokens: int
    num_preemptions: int
    num_stale_output_tokens: int
    is_prefill_chunk: bool
    resumable: bool

    @property
    def num_tokens(self) -> int:
        """Of its prompt and its answer so far."""
        ...

    @property
    def num_output_tokens(self) -> int:
        """Of its answer so far."""
        ...


class WaitingQueue(Protocol):
    """Of vllm.v1.core.sched.request_queue.PriorityRequestQueue."""

    _heap: list[EngineRequest]

    def __len__(self) -> int:
        """How many wait."""
        ...

    def add_request(self, request: EngineRequest) -> None:
        """Put one in at its place."""
        ...

    def remove_request(self, request: EngineRequest) -> None:
        """Take one out."""
        ...


class KVCacheBlock(Protocol):
    """Of vllm.v1.core.kv_cache_utils.KVCacheBlock."""

    ref_cnt: int
    """Requests that hold it."""


class KVCacheBlocks(Protocol):
    """Of vllm.v1.core.kv_cache_manager.KVCacheBlocks."""

    blocks: tuple[Sequence[KVCacheBlock], ...]
    """For each kind of cache."""


class BlockPool(Protocol):
    """Of vllm.v1.core.block_pool.BlockPool."""

    def get_num_free_blocks(self) -> int:
        """That no request holds."""
        ...


class KVCacheManager(Protocol):
    """Of vllm.v1.core.kv_cache_manager.KVCacheManager."""

    kv_cache_config: Any
    block_pool: BlockPool
    watermark_blocks: int

    def get_blocks(self, request_id: str) -> KVCacheBlocks:
        """That a request holds."""
        ...

    def get_computed_blocks(self, request: EngineRequest) -> tuple[Any, ...]:
        """First of all KVCacheBlocks: what the prefix cache has of it."""
        ...


class EngineScheduler(Protocol):
    """Of vllm.v1.core.sched.scheduler.Scheduler."""

    requests: dict[str, EngineRequest]
    running: list[EngineRequest]
    waiting: WaitingQueue
    kv_holding_waiting: WaitingQueue
    vllm_config: VllmConfig
    scheduler_config: SchedulerConfig
    kv_cache_manager: KVCacheManager
    block_size: int
    max_num_active_reqs: int
    max_num_running_reqs: int
    num_waiting_for_streaming_input: int
    requires_kv_delivery: bool

    @property
    def pause_state(self) -> Any:
        """Whether requests are admitted."""
        ...

    def _preempt_request(
        self, request: EngineRequest, timestamp: float, drop_stale_output: bool = False
    ) -> None:
        """Take its memory and put it back into the queue; it is out of `running` by then."""
        ...

    def _request_blocks_can_be_freed(self, request: EngineRequest) -> bool:
        """Whether no transfer still writes to its memory."""
        ...


def missing(of: object, names: Sequence[str]) -> str:
    """Those of some attributes that this vLLM's object does not have, as a list in words."""
    return ", ".join(name for name in names if not hasattr(of, name))
