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


class EngineScheduler(Protocol):
    """Of vllm.v1.core.sched.scheduler.Scheduler."""

    requests: dict[str, EngineRequest]
    running: list[EngineRequest]
    waiting: WaitingQueue
    kv_holding_waiting: WaitingQueue
    vllm_config: VllmConfig
    scheduler_config: SchedulerConfig
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
