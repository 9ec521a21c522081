"""True lengths, back from the engine (entry point of vllm.stat_logger_plugins)."""

import os
from typing import Any

from vllm.v1.engine import FinishReason
from vllm.v1.metrics.loggers import StatLoggerBase

from scheduler_client.advisor import Ending, EndReason
from scheduler_client.vllm_plugin.plugin import say_start
from scheduler_client.vllm_plugin.runtime import Runtime, start_runtime
from scheduler_client.vllm_plugin.seams import FinishedStats, IterationStats, VllmConfig

REASONS: dict[Any, EndReason] = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.ABORT: "abort",
    FinishReason.ERROR: "error",
    # Cut off because it repeated itself: it would have gone on.
    FinishReason.REPETITION: "length",
}


class LengthwiseStatLogger(StatLoggerBase):
    """Tells the advisor of every request that ended; does nothing unless Lengthwise is on.

    Args:
        vllm_config: The engine's.
        engine_index: Which of several engines.
    """

    def __init__(self, vllm_config: VllmConfig, engine_index: int = 0) -> None:
        self._runtime: Runtime | None = start_runtime(os.environ)
        del engine_index
        if self._runtime is not None:
            say_start(self._runtime, vllm_config.scheduler_config.policy)

    def record(
        self,
        scheduler_stats: object,
        iteration_stats: IterationStats | None,
        mm_cache_stats: object = None,
        engine_idx: int = 0,
    ) -> None:
        """Called after each step; no exception leaves it."""
        del scheduler_stats, mm_cache_stats, engine_idx
        if self._runtime is None:
            return
        try:
            finished = iteration_stats.finished_requests if iteration_stats is not None else ()
            for stats in finished:
                if stats.request_id is not None:
                    self._runtime.ended(ending_of(stats, stats.request_id))
            self._runtime.follow(at_once=bool(finished))
        except Exception:  # noqa: BLE001  the engine's output loop must go on
            self._runtime.trouble("learning from finished requests")

    def log_engine_initialized(self) -> None:
        """Nothing: the line at the start was said."""

    def log(self) -> None:
        """Called every few seconds."""
        if self._runtime is not None:
            try:
                self._runtime.follow(at_once=True)
            except Exception:  # noqa: BLE001  as in record
                self._runtime.trouble("bringing the metrics up to date")


def ending_of(stats: FinishedStats, request_id: str) -> Ending:
    """What vLLM says of a finished request, in the advisor's words."""
    return Ending(
        request_id=request_id,
        output_tokens=stats.num_generation_tokens,
        input_tokens=stats.num_prompt_tokens,
        finish_reason=REASONS.get(stats.finish_reason, "error"),
        queued_s=max(0.0, stats.queued_time),
        prefill_s=max(0.0, stats.prefill_time),
        decode_s=max(0.0, stats.decode_time),
    )
