"""A real vLLM in this process, on a clock that is modelled rather than read.

Each of its steps takes as long as a model of a GPU says of what was in it: bytes of weights, keys
and values read, tokens computed, bytes swapped. So memory, preemption and swapping are the real
engine's, while its time is a GPU's and the same on every machine.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

import gc
import math
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import KvSwap
from testbed.in_engine.modelled_link import ModelledLink
from testbed.in_engine.ordered_scheduler import Order

SCHEDULER = "testbed.in_engine.ordered_scheduler.OrderedScheduler"


class TornError(RuntimeError):
    """A transfer that was made to fail."""


@dataclass(frozen=True)
class ModelledRequest:
    """One request.

    Args:
        prompt: Token ids.
        output_tokens: How long its answer is.
        arrival_s: On the modelled clock.
        ends_itself: Where the model says so, at `output_tokens` at the latest.
    """

    prompt: list[int]
    output_tokens: int
    arrival_s: float
    ends_itself: bool = False


@dataclass
class Served:
    """What a run gave.

    Args:
        completed_s: Of each request, on the modelled clock.
        answers: Their tokens.
        counts: vLLM's and the swap's counters: preemptions, and tokens by event.
        makespan_s: From the first arrival to the last completion.
        cpu_s: Of this process, for the run: what the tiny model really took.
        steps: Of the engine.
        computed_again: Tokens that were computed a second time, where every answer is as long as
            was asked.
        preempted: Numbers of the requests that were.
    """

    completed_s: list[float]
    answers: list[list[int]]
    counts: dict[str, int] = field(default_factory=dict)
    makespan_s: float = 0.0
    cpu_s: float = 0.0
    steps: int = 0
    computed_again: int = 0
    preempted: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class ModelledOptions:
    """What engine it is.

    Args:
        cost: Of its steps.
        blocks: Of keys and values, that requests may have.
        block_tokens: Of each.
        slots: Requests that run at once.
        window_tokens: Prompt and answer together at the most.
        swap: Of its link; None recomputes.
        host_gib: For the swapped, in bytes of the model that is really run.
        dtype: Of that model.
        scheduler: Dotted name of its Scheduler; one that is no OrderedScheduler takes no order.
        step_tokens: Of prompts and answers in a step at the most (vLLM's max_num_batched_tokens);
            None leaves that to vLLM.
    """

    cost: StepCost
    blocks: int
    block_tokens: int = 32
    slots: int = 256
    window_tokens: int = 2048
    swap: KvSwap | None = None
    host_gib: float = 2.0
    dtype: str = "float32"
    scheduler: str = SCHEDULER
    step_tokens: int | None = None


class ModelledEngine:
    """See the module.

    Args:
        llm: vllm.LLM, in this process.
        options: Its clock.
    """

    def __init__(self, llm: Any, options: ModelledOptions) -> None:
        self.llm = llm
        self._options = options
        self._step: Any = None
        self.step_s = 0.0
        """How many seconds the step takes that was scheduled last."""
        self._now_s, self._next_arrival_s = 0.0, math.inf
        self.scheduler.clock = lambda: self._now_s
        self._link: ModelledLink | None = None
        if options.swap is not None:
            self._link = ModelledLink(options.swap, options.block_tokens)
            _worker()._link = self._link  # noqa: SLF001  there is no other way in
        schedule = self.scheduler.schedule

        def kept(*args: Any, **kwargs: Any) -> Any:
            self._step = schedule(*args, **kwargs)
            self.step_s = self._modelled_step_s()
            if self._link is not None:
                self._link.now_s += self.step_s  # the workers are asked when the step has ended
            return self._step

        self.scheduler.schedule = kept

    @property
    def scheduler(self) -> Any:
        """Of vLLM."""
        return self.llm.llm_engine.engine_core.engine_core.scheduler

    def serve(self, requests: Sequence[ModelledRequest], order: Order | None = None) -> Served:
        """Serve requests as they come.

        Args:
            requests: In the order of their arrivals.
            order: None for first come, first served.
        """
        self.scheduler.order = order
        before, began_s = self._counts(), time.process_time()
        served = Served([0.0] * len(requests), [[] for _ in requests])
        if self._link is not None:
            self._link.begin()
        now_s, sent = requests[0].arrival_s, 0
        began: dict[str, float] = {}
        engine = self.llm.llm_engine
        while sent < len(requests) or engine.has_unfinished_requests():
            if not engine.has_unfinished_requests():
                now_s = max(now_s, requests[sent].arrival_s)
            while sent < len(requests) and requests[sent].arrival_s <= now_s:
                self._send(sent, requests[sent])
                sent += 1
            self._next_arrival_s = requests[sent].arrival_s if sent < len(requests) else math.inf
            self._now_s = now_s
            if self._link is not None:
                self._link.now_s = now_s
            outputs = engine.step()
            for request_id in self._step.num_scheduled_tokens:
                began.setdefault(request_id.partition("-")[0], now_s)
            preempted = self._step.preempted_req_ids or ()
            served.preempted |= {int(name.partition("-")[0]) for name in preempted}
            now_s += self.step_s
            served.computed_again += sum(self._step.num_scheduled_tokens.values())
            served.steps += 1
            for output in outputs:
                if output.finished:
                    number = int(output.request_id)
                    served.completed_s[number] = now_s
                    served.answers[number] = list(output.outputs[0].token_ids)
                    if order is not None and order.ended is not None:
                        order.ended(number, began[str(number)], now_s)
        # Each token but an answer's last is computed once.
        served.computed_again -= sum(len(r.prompt) + r.output_tokens - 1 for r in requests)
        served.makespan_s = now_s - requests[0].arrival_s
        served.cpu_s = time.process_time() - began_s
        served.counts = {n: c - before.get(n, 0) for n, c in self._counts().items()}
        return served

    def fail_every(self, nth: int) -> None:
        """Let every nth transfer fail from now on, in either direction; 0 lets none fail."""
        worker = _worker()
        seen = [0]
        for name in ("copy_out", "copy_in"):
            original = getattr(type(worker), name).__get__(worker)

            def transfer(order: Any, original: Any = original) -> None:
                seen[0] += 1
                if nth and seen[0] % nth == 0:
                    raise TornError(order.request_id)
                original(order)

            setattr(worker, name, transfer)

    def _send(self, number: int, request: ModelledRequest) -> None:
        from vllm import SamplingParams  # noqa: PLC0415  heavy

        params = SamplingParams(
            temperature=0,
            max_tokens=request.output_tokens,
            ignore_eos=not request.ends_itself,
            detokenize=False,
        )
        prompt: Any = {"prompt_token_ids": request.prompt}
        self.llm.llm_engine.add_request(str(number), prompt, params, arrival_time=request.arrival_s)

    def _modelled_step_s(self) -> float:
        """How long the step takes that was just scheduled."""
        step, cost = self._step, self._options.cost
        scheduled = step.num_scheduled_tokens
        moved_s = self._moved_s(step)
        if not scheduled:
            return moved_s + self._idle_s(moved_s)
        cached = sum(new.num_computed_tokens for new in step.scheduled_new_reqs)
        cached += sum(step.scheduled_cached_reqs.num_computed_tokens)
        prefilled = sum(tokens for tokens in scheduled.values() if tokens > 1)
        if prefilled:
            return moved_s + cost.prefill_s(len(scheduled), cached, prefilled)
        return moved_s + cost.decode_s(1, len(scheduled), cached)

    def _moved_s(self, step: Any) -> float:
        """What copies take of the steps' time."""
        if self._link is None or step.kv_connector_metadata is None:
            return 0.0
        return self._link.plan(step.kv_connector_metadata.orders)

    def _idle_s(self, moved_s: float) -> float:
        """An empty step, until somebody arrives from the host's memory or anew."""
        if self._link is None or self._link.next_s is None:
            return 0.0
        until_s = min(self._link.next_s, self._next_arrival_s)
        return max(0.0, until_s - self._link.now_s - moved_s)

    def _counts(self) -> dict[str, int]:
        found = {"preemptions": 0}
        for metric in self.llm.get_metrics():
            if metric.name == "vllm:lengthwise_swap_tokens":
                found[metric.labels["event"]] = int(metric.value)
            if metric.name == "vllm:num_preemptions":
                found["preemptions"] = int(metric.value)
        return found


def _worker() -> Any:
    """The swap's half in the worker, which is in this process."""
    from vllm.distributed.kv_transfer import get_kv_transfer_group  # noqa: PLC0415  heavy

    return get_kv_transfer_group()._worker  # noqa: SLF001  there is no other way in


@contextmanager
def modelled_engine(model: Path, options: ModelledOptions) -> Generator[ModelledEngine]:
    """Run an engine while the context lasts: one at a time in a process.

    Args:
        model: Its folder.
        options: What engine it is.
    """
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    from vllm import LLM  # noqa: PLC0415  heavy, and it reads the variables
    from vllm.distributed import cleanup_dist_env_and_memory  # noqa: PLC0415  as above

    from scheduler_client.vllm_plugin.swap.install import transfer_config  # noqa: PLC0415
    from scheduler_client.vllm_plugin.swap.settings import SwapSettings  # noqa: PLC0415

    swap = options.swap
    transfer = transfer_config(SwapSettings(options.host_gib, swap.bits)) if swap else None
    llm: Any = LLM(
        str(model),
        enforce_eager=True,
        dtype=options.dtype,
        disable_log_stats=False,
        max_num_seqs=options.slots,
        max_model_len=options.window_tokens,
        max_num_batched_tokens=options.step_tokens,
        block_size=options.block_tokens,
        num_gpu_blocks_override=options.blocks + 1,  # vLLM keeps one for itself
        enable_prefix_caching=False,
        scheduling_policy="priority",
        scheduler_cls=options.scheduler,
        kv_transfer_config=transfer,
    )
    try:
        yield ModelledEngine(llm, options)
    finally:
        llm.llm_engine.engine_core.shutdown()
        del llm
        gc.collect()
        cleanup_dist_env_and_memory()
