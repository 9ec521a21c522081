"""One simulation: requests, a policy, an engine and the cost of its steps."""

from collections.abc import Callable
from dataclasses import replace

from serving_sim.batching.continuous import ContinuousBatching
from serving_sim.batching.dynamic import DynamicBatching
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.errors import InvalidEngineError
from serving_sim.job import Job
from serving_sim.policies.policy import Policy
from serving_sim.result import Recorder, SimulationResult
from serving_sim.workload.requests import Requests

WHOLE_PROMPTS = 1 << 40
"""Tokens of a step that no prompt exceeds."""

PROGRESS_REQUESTS = 1000


def simulate(
    requests: Requests,
    policy: Policy,
    engine: Engine,
    cost: StepCost,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> SimulationResult:
    """Serve the requests in virtual time.

    Args:
        requests: In the order of their arrival.
        policy: Newly made: it learns as it goes.
        engine: What it runs on.
        cost: The time of a step.
        on_progress: Told how many more completed, every thousand or so.

    Raises:
        InvalidEngineError: If a request does not fit into the engine's memory.
    """
    _check_fits(requests, engine)
    recorder = Recorder(requests)
    on_finished = recorder if on_progress is None else _reporting(recorder, on_progress)
    if engine.batching == "dynamic":
        batches = DynamicBatching(engine, cost, policy, on_finished)
        batches.run(requests.jobs())
        return recorder.result(batches.busy_s, 0)
    if engine.batching == "none":  # one slot, whole prompts, all the memory
        engine = replace(engine, kv_blocks=None, step_tokens=WHOLE_PROMPTS)
    steps = ContinuousBatching(engine, cost, policy, on_finished)
    steps.run(requests.jobs())
    return recorder.result(steps.busy_s, steps.memory.swapped_tokens)


def _check_fits(requests: Requests, engine: Engine) -> None:
    if engine.batching != "continuous":
        return
    largest = int((requests.input_tokens + requests.output_tokens - 1).max())
    if engine.blocks_of(largest) > engine.total_blocks:
        raise InvalidEngineError(
            f"a request takes {engine.blocks_of(largest)} blocks of keys and values: the engine "
            f"has {engine.total_blocks}"
        )


def _reporting(recorder: Recorder, on_progress: Callable[[int], None]) -> Callable[[Job], None]:
    def on_finished(job: Job) -> None:
        recorder(job)
        if recorder.completed % PROGRESS_REQUESTS == 0:
            on_progress(PROGRESS_REQUESTS)

    return on_finished
