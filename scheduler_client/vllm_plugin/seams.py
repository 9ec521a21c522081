"""What the plugin needs of vLLM's objects, so that all but a few lines is typed without vLLM."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol


class Tokenizer(Protocol):
    """Of vllm.tokenizers.TokenizerLike."""

    @property
    def all_special_tokens(self) -> list[str]:
        """Their texts."""
        ...

    def decode(self, ids: list[int], *, skip_special_tokens: bool = False) -> str:
        """The text of token ids."""
        ...


class ModelConfig(Protocol):
    """Of vllm.config.ModelConfig."""

    served_model_name: str


class SchedulerConfig(Protocol):
    """Of vllm.config.SchedulerConfig."""

    policy: str
    scheduler_cls: str | type[object] | None


class VllmConfig(Protocol):
    """Of vllm.config.VllmConfig."""

    model_config: ModelConfig
    scheduler_config: SchedulerConfig


class Engine(Protocol):
    """Of vllm.v1.engine.async_llm.AsyncLLM."""

    vllm_config: VllmConfig

    @property
    def tokenizer(self) -> Tokenizer | None:
        """None if the engine was started without one."""
        ...


class Params(Protocol):
    """Of vllm.SamplingParams."""

    n: int
    max_tokens: int | None
    temperature: float
    extra_args: dict[str, Any] | None


class Collector(Protocol):
    """Of vllm.v1.engine.output_processor.RequestOutputCollector."""

    request_id: str
    """The engine's internal id: that of the request with a random end."""


class FinishedStats(Protocol):
    """Of vllm.v1.metrics.stats.FinishedRequestStats."""

    finish_reason: Any
    request_id: str | None
    num_prompt_tokens: int
    num_generation_tokens: int
    queued_time: float
    prefill_time: float
    decode_time: float


class IterationStats(Protocol):
    """Of vllm.v1.metrics.stats.IterationStats."""

    finished_requests: Sequence[FinishedStats]


class Request(Protocol):
    """Of vllm.v1.request.Request."""

    request_id: str
    priority: int
    arrival_time: float
    status: Any
    sampling_params: Params | None
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

    _heap: list[Request]

    def __len__(self) -> int:
        """How many wait."""
        ...

    def add_request(self, request: Request) -> None:
        """Put one in at its place."""
        ...

    def remove_request(self, request: Request) -> None:
        """Take one out."""
        ...


class EngineScheduler(Protocol):
    """Of vllm.v1.core.sched.scheduler.Scheduler."""

    requests: dict[str, Request]
    running: list[Request]
    waiting: WaitingQueue
    kv_holding_waiting: WaitingQueue
    scheduler_config: SchedulerConfig
    max_num_active_reqs: int
    num_waiting_for_streaming_input: int
    requires_kv_delivery: bool

    @property
    def pause_state(self) -> Any:
        """Whether requests are admitted."""
        ...

    def _preempt_request(
        self, request: Request, timestamp: float, drop_stale_output: bool = False
    ) -> None:
        """Take its memory and put it back into the queue; it is out of `running` by then."""
        ...

    def _request_blocks_can_be_freed(self, request: Request) -> bool:
        """Whether no transfer still writes to its memory."""
        ...


Arguments = MutableMapping[str, Any]
"""Of a call, by name."""

Headers = Mapping[bytes, bytes]
"""Of an HTTP request, names in lower case."""
