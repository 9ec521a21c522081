"""A real engine in this process whose device memory holds a few requests at a time."""

import gc
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from vllm import LLM, SamplingParams
from vllm.distributed import cleanup_dist_env_and_memory
from vllm.distributed.kv_transfer import get_kv_transfer_group
from vllm.platforms.cpu import CpuPlatform

from scheduler_client.vllm_plugin.swap.connector import SwapConnector
from scheduler_client.vllm_plugin.swap.scheduler_side import SwapScheduler
from scheduler_client.vllm_plugin.swap.worker_side import SwapWorker

BLOCK_TOKENS = 32
BLOCKS = 12
"""One of them is vLLM's own: about three of `requests` fit."""


def transfer_config(host_gib: float = 0.25, bits: int = 16) -> dict[str, Any]:
    """What --kv-transfer-config takes, with the role that people copy from elsewhere."""
    return {
        "kv_connector": "SwapConnector",
        "kv_connector_module_path": "scheduler_client.vllm_plugin.swap.connector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {"host_gib": host_gib, "bits": bits},
    }


@dataclass(frozen=True)
class SmallEngine:
    """The engine, and the parts of it that are ours."""

    llm: LLM

    @property
    def core(self) -> Any:
        return self.llm.llm_engine.engine_core.engine_core

    @property
    def swap(self) -> SwapScheduler:
        connector = self.core.scheduler.connector
        assert isinstance(connector, SwapConnector)
        return connector._scheduler

    @property
    def worker(self) -> SwapWorker:
        connector = get_kv_transfer_group()
        assert isinstance(connector, SwapConnector)
        assert connector._worker is not None
        return connector._worker

    def answers(self, requests: Sequence[tuple[str, int]]) -> list[list[int]]:
        """The tokens that greedy requests, (prompt, tokens) each, are answered with."""
        params = [greedy(tokens) for _, tokens in requests]
        outputs = self.llm.generate([prompt for prompt, _ in requests], params, use_tqdm=False)
        return [list(output.outputs[0].token_ids) for output in outputs]

    def add(self, name: str, prompt: str, tokens: int) -> None:
        self.llm.llm_engine.add_request(name, prompt, greedy(tokens))

    def step_until(self, holds) -> list[tuple[str, list[int]]]:
        """Step until something holds: names and tokens of those that end by then."""
        ended = []
        while not holds():
            assert self.llm.llm_engine.has_unfinished_requests()
            outputs = self.llm.llm_engine.step()
            ended += [(o.request_id, list(o.outputs[0].token_ids)) for o in outputs if o.finished]
        return ended

    def finish(self) -> list[tuple[str, list[int]]]:
        return self.step_until(lambda: not self.llm.llm_engine.has_unfinished_requests())

    def counts(self) -> dict[str, int]:
        """Tokens by event, since the engine's start, and preemptions."""
        found = {"preemptions": 0}
        for metric in self.llm.get_metrics():
            if metric.name == "vllm:lengthwise_swap_tokens":
                found[metric.labels["event"]] = int(metric.value)
            if metric.name == "vllm:num_preemptions":
                found["preemptions"] = int(metric.value)
        return found

    def total(self, name: str) -> int:
        """Of a counter of vLLM's."""
        return sum(int(m.value) for m in self.llm.get_metrics() if m.name == name)

    @contextmanager
    def counted(self) -> Generator[dict[str, int]]:
        """Filled with what is counted within."""
        before, grown = self.counts(), dict[str, int]()
        yield grown
        grown |= {name: count - before.get(name, 0) for name, count in self.counts().items()}

    def is_empty(self) -> bool:
        """Whether nothing is left behind of requests that have ended."""
        swap = self.swap
        left = (swap._requests, swap._lost, swap._loads, swap._isolated, swap._running._tables)
        return swap.held.free == swap.held.total and not any(left)


def greedy(tokens: int) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)


def requests(count: int, tokens: int = 40) -> list[tuple[str, int]]:
    """Prompts of 10 to 45 tokens, no two the same, and answers of different lengths."""
    return [
        (f"number {n} tells of the sea and the sky " * (1 + n % 4), tokens + 5 * (n % 13))
        for n in range(count)
    ]


REQUESTS = requests(24)
"""Enough that most of them are preempted, some more than once."""

FEW = REQUESTS[:12]
"""Enough that some are."""


@contextmanager
def small_engine(
    model: Path,
    transfer: dict[str, Any] | None,
    *,
    asynchronous: bool = False,
    **options: Any,
) -> Generator[SmallEngine]:
    """Run an engine while the context lasts.

    Args:
        model: Its folder.
        transfer: --kv-transfer-config; None recomputes, as vLLM does.
        asynchronous: Schedule a step while the one before runs, as on a GPU. vLLM turns that off on
            a CPU, where it works all the same.
        options: Further ones of LLM.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        if asynchronous:
            _schedule_asynchronously(patch)
        given = {
            "max_num_seqs": 16,
            "max_model_len": 320,
            "block_size": BLOCK_TOKENS,
            "num_gpu_blocks_override": BLOCKS,
            "enable_prefix_caching": False,
            # With bfloat16 a random model's best two tokens tie now and then.
            "dtype": "float32",
        }
        llm = LLM(
            str(model),
            enforce_eager=True,
            disable_log_stats=False,
            kv_transfer_config=transfer,  # pyright: ignore[reportArgumentType]  it takes a dict
            **(given | options),
        )
        try:
            yield SmallEngine(llm)
        finally:
            llm.llm_engine.engine_core.shutdown()
            del llm
            gc.collect()
            cleanup_dist_env_and_memory()


def _schedule_asynchronously(patch: pytest.MonkeyPatch) -> None:
    original = CpuPlatform.check_and_update_config.__func__

    def check_and_update_config(cls, vllm_config) -> None:
        original(cls, vllm_config)
        vllm_config.scheduler_config.async_scheduling = True

    patch.setattr(CpuPlatform, "check_and_update_config", classmethod(check_and_update_config))
