"""Runs workloads on real engines, one start for each policy and number of slots."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.vllm.asked import Asked
from benchmarks.vllm.ordered import Ordered
from benchmarks.vllm.policies import Policy
from benchmarks.vllm.rows import BY_STOP_STRING, JctRow, RunKey
from testbed.engine import VLLM, Engine, running_engine
from testbed.engine_options import CPU_NICENESS, EngineOptions
from testbed.errors import TestbedError
from testbed.replay import replay, tokens_per_s_when_full
from testbed.workload import Request, burst, named_arrivals, warm_up_requests, workload

WARM_UP_PER_SLOT = 4
"""So many that a rule has seen all slots taken."""

CALIBRATION_PER_SLOT = 6
CALIBRATION_SEED = 10_000
STOP = "¶"
"""Ends answers in runs with a stop string: a token of the tiny model."""

STREAM_INTERVAL = 1_000
"""A first event and a last one: many small ones would cost the CPU more than the model does."""


@dataclass(frozen=True, slots=True)
class Host:
    """What all engines of a benchmark share.

    Args:
        model: Its folder or name.
        folder: For logs.
        program: `vllm`.
        target: Address of the prediction service; "" if no policy predicts.
        on_gpu: Leave device, dtype and memory to vLLM.
    """

    model: Path | str
    folder: Path
    program: Path = VLLM
    target: str = ""
    on_gpu: bool = False

    @contextmanager
    def engine(self, policy: Policy, slots: int, step_ms: float, model: str) -> Generator[Engine]:
        """An engine that runs a policy.

        Args:
            policy: The order of its requests.
            slots: Requests at once.
            step_ms: The pace; 0 means none.
            model: The LLM's name in the history.
        """
        base = EngineOptions(
            slots=slots,
            step_s=step_ms / 1e3 if step_ms else None,
            stream_interval=STREAM_INTERVAL,
            true_lengths=True,
            niceness=0 if self.on_gpu else CPU_NICENESS,
            on_gpu=self.on_gpu,
        )
        options = policy.engine_options(base, self.target, model)
        with running_engine(self.model, self.folder, options, program=self.program) as engine:
            yield engine


def warm_up(engine: Engine, asked: Asked, slots: int, ends: str) -> None:
    """Let everything run once that is slower the first time."""
    replay(engine, _ending(warm_up_requests(asked.pairs, WARM_UP_PER_SLOT * slots), ends))


def measured_capacity(engine: Engine, asked: Asked, slots: int) -> float:
    """Tokens per second with all slots taken."""
    count = min(max(CALIBRATION_PER_SLOT * slots, 12), len(asked.pairs))
    requests = workload(asked.pairs, count, 1.0, burst, CALIBRATION_SEED, tokens_per_s=1.0)
    return tokens_per_s_when_full(replay(engine, requests))


def run_one(
    engine: Engine,
    policy: Policy,
    key: RunKey,
    asked: Asked,
    *,
    capacity: float,
    on_finished: Callable[[], None],
) -> JctRow:
    """One run of one workload.

    Args:
        engine: That runs the policy.
        policy: As the caller needs it.
        key: Which run.
        asked: To draw from.
        capacity: Tokens per second that load 1 stands for.
        on_finished: Called after each request.

    Raises:
        TestbedError: The policy needs the plugin, and the engine runs without it.
    """
    requests = workload(
        asked.pairs,
        key.requests,
        key.load,
        named_arrivals(key.arrivals),
        key.seed,
        tokens_per_s=capacity,
    )
    before = Ordered.read(engine)
    asked_for = _ending(policy.requests(requests), key.ends)
    outcomes = replay(engine, asked_for, on_finished=on_finished)
    ordered = Ordered.read(engine).since(before)
    if policy.predicts and not ordered.all:
        raise TestbedError(
            f"the engine of {policy.name} ordered no request: is the plugin installed in its "
            f"environment? Run `make setup-vllm`; its log ends with:\n{engine.log_tail()}"
        )
    return JctRow.from_outcomes(
        key, outcomes, fallback_causes=dict(ordered.by_cause), capacity=capacity
    )


def _ending(requests: Sequence[Request], ends: str) -> list[Request]:
    """Requests whose answers end as is wanted."""
    if ends != BY_STOP_STRING:
        return list(requests)
    return [replace(request, stop=STOP) for request in requests]
