"""Two engines, one after the other, and the same requests for both."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.__main__ import SEED, console
from testbed.engine import Engine, running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import CPU_NICENESS, EngineOptions, default_step_ms
from testbed.replay import Outcome, replay, tokens_per_s_when_full
from testbed.workload import Request, burst, poisson, warm_up_requests, workload

SLOTS = 8
REQUESTS = 150
LOAD = 1.5
"""More comes than the engine can serve, as at a busy hour: where nothing waits, no order helps."""

STREAM_INTERVAL = 1_000
WAITED = "lengthwise_waited_total"

METRICS_LAG_S = 1.5
"""The metrics are brought up to date once a second."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What both engines share.

    Args:
        model: Its folder or name.
        program: `vllm`.
        target: Address of the prediction service.
        pairs: Prompts and true lengths to draw from.
        history_model: The LLM's name in the history.
        on_gpu: Leave device, dtype and pace to vLLM.
    """

    model: Path | str
    program: Path
    target: str
    pairs: Sequence[tuple[str, int]]
    history_model: str
    on_gpu: bool


@dataclass(frozen=True, slots=True)
class Round:
    """What one engine made of the traffic.

    Args:
        name: For people.
        outcomes: One per request.
        predicted: Requests that had to wait and were ordered by a prediction.
    """

    name: str
    outcomes: Sequence[Outcome]
    predicted: int


def first_come_first_served(contest: Contest, folder: Path) -> Round:
    """Measure what the engine makes, then serve more than that in order of arrival.

    Args:
        contest: What both engines share.
        folder: For logs.

    Raises:
        TestbedError: The engine does not start.
    """
    count = min(REQUESTS, len(contest.pairs))
    with _engine(contest, folder, predicts=False) as engine:
        flood = workload(contest.pairs, min(6 * SLOTS, count), 1, burst, SEED + 1, tokens_per_s=1)
        capacity = tokens_per_s_when_full(replay(engine, flood))
        console.print(
            f"It makes {capacity:,.0f} tokens/s with {SLOTS} slots; {count} requests ask for "
            f"{LOAD:g} times that.",
            highlight=False,
        )
        requests = workload(contest.pairs, count, LOAD, poisson, SEED, tokens_per_s=capacity)
        return Round("first come first served", replay(engine, requests), 0)


def by_predicted_length(contest: Contest, folder: Path, requests: Sequence[Request]) -> Round:
    """Serve the same requests with Lengthwise.

    Raises:
        TestbedError: The engine does not start.
    """
    with _engine(contest, folder, predicts=True) as engine:
        replay(engine, warm_up_requests(contest.pairs, 2 * SLOTS))
        before = _ordered(engine)
        outcomes = replay(engine, requests)
        time.sleep(METRICS_LAG_S)
        return Round("Lengthwise", outcomes, _ordered(engine) - before)


@contextmanager
def _engine(contest: Contest, folder: Path, *, predicts: bool) -> Generator[Engine]:
    options = EngineOptions(
        slots=SLOTS,
        policy="priority" if predicts else "fcfs",
        stream_interval=STREAM_INTERVAL,
        step_s=None if contest.on_gpu else default_step_ms(SLOTS) / 1e3,
        true_lengths=True,
        niceness=0 if contest.on_gpu else CPU_NICENESS,
        on_gpu=contest.on_gpu,
        environment=_variables(contest) if predicts else {},
    )
    console.print(f"vLLM, --scheduling-policy {options.policy}: starting (half a minute or more)")
    with running_engine(contest.model, folder, options, program=contest.program) as engine:
        yield engine


def _variables(contest: Contest) -> dict[str, str]:
    return {"LENGTHWISE_TARGET": contest.target, "LENGTHWISE_MODEL": contest.history_model}


def _ordered(engine: Engine) -> int:
    """Requests that had to wait and were ordered by a prediction."""
    return int(total(parse_metrics(engine.get("/metrics")), WAITED, ordered_by="prediction"))
