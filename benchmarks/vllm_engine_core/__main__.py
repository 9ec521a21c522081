"""What Lengthwise in the engine core costs and orders: `python -m benchmarks.vllm_engine_core`.

A plain vLLM, one with Lengthwise and one with Lengthwise as it was at another commit stand side by
side and take turns: single requests to an idle engine, then bursts. With all slots taken, a plain
one, today's, and today's without a predictor that takes its share of the cores make as many tokens
as they can.
"""

import argparse
import random
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import finish
from benchmarks.vllm.asked import Asked, ready_index
from benchmarks.vllm_engine_core.baseline import BASELINE_COMMIT, baseline_checkout, python_path
from benchmarks.vllm_engine_core.tables import (
    ALONE,
    BEFORE,
    NOW,
    PLAIN,
    WAITED_S,
    Burst,
    Measured,
    engine_core_report,
)
from lengthwise.index.errors import LengthIndexError
from testbed.engine import CACHE, Engine, running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import CPU_NICENESS, CPU_PREDICTOR, EngineOptions, default_step_ms
from testbed.errors import TestbedError
from testbed.predictor import running_predictor
from testbed.replay import replay, tokens_per_s_when_full
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.workload import Request, burst, warm_up_requests, workload

IDLE_GAP_S, IDLE_TOKENS = 0.25, 4
LIMIT_TOKENS = 4_096
NOBODY = "127.0.0.1:1"
"""Where no predictor listens."""

METRICS_LAG_S = 1.5
"""The sidecar brings its counts up to date once a second."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_engine_core", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--history", type=Path, required=True, help="prompts and lengths to predict from")
    add("--requests", type=Path, required=True, help="prompts and true lengths to ask")
    add("--index", type=Path, help="the store to use, built there unless it is there")
    add("--baseline", type=Path, help=f"a checkout to compare with (default: {BASELINE_COMMIT})")
    add("--idle-requests", type=int, default=200, help="to each idle engine")
    add("--bursts", type=int, default=5, help="for each engine")
    add("--burst-size", type=int, default=100, help="requests at once")
    add("--rounds", type=int, default=5, help="turns of both engines with all slots taken")
    add("--requests-per-round", type=int, default=80, help="of each such turn")
    add("--slots", type=int, default=8, help="requests that run at once")
    add("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    try:
        measured = _measure(options)
    except (ValueError, TestbedError, LengthIndexError) as error:
        parser.error(str(error))
    finish(engine_core_report(command, measured), options.json)


def _measure(options: argparse.Namespace) -> Measured:
    asked = Asked.from_files(options.history, options.requests, TinyLlama().window_tokens)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        store = ready_index(asked, options.index or folder / "index", train=False)
        arguments = ("--cache-capacity", "0", "--log-level", "warning", *CPU_PREDICTOR)
        predictor = stack.enter_context(running_predictor(store, folder, arguments=arguments))
        baseline = (
            options.baseline.resolve()
            if options.baseline
            else stack.enter_context(baseline_checkout(folder / "baseline"))
        )
        plugin = {"LENGTHWISE_TARGET": predictor.target, "LENGTHWISE_MODEL": asked.model}
        plugin["LENGTHWISE_REPORT"] = "false"  # the same prompts come again in every burst
        environments = {
            PLAIN: {},
            NOW: plugin,
            BEFORE: plugin | {"PYTHONPATH": python_path(baseline, folder / "entry points")},
            ALONE: plugin | {"LENGTHWISE_TARGET": NOBODY},
        }
        engines = {
            kind: stack.enter_context(_engine(folder, options.slots, environment))
            for kind, environment in environments.items()
        }
        for engine in engines.values():
            replay(engine, warm_up_requests(asked.pairs, 2 * options.slots))
        ttft_ms = _idle(engines, asked, options.idle_requests)
        bursts: dict[str, list[Burst]] = {NOW: [], BEFORE: []}
        for seed in range(options.bursts):
            for kind, found in bursts.items():
                drawn = workload(
                    asked.pairs, options.burst_size, 1.0, burst, seed, tokens_per_s=1.0
                )
                found.append(_burst(engines[kind], drawn, options.slots))
        tokens_per_s = _saturated(engines, asked, options)
        return Measured(ttft_ms, bursts, tokens_per_s, _step_us(engines[NOW]))


@contextmanager
def _engine(folder: Path, slots: int, environment: dict[str, str]) -> Generator[Engine]:
    options = EngineOptions(
        slots=slots,
        step_s=default_step_ms(slots) / 1e3,
        true_lengths=True,
        niceness=CPU_NICENESS,
        environment=environment,
    )
    with running_engine(tiny_model(CACHE), folder, options) as engine:
        yield engine


def _idle(engines: dict[str, Engine], asked: Asked, count: int) -> dict[str, list[float]]:
    """Milliseconds to the first token of one request at a time, to each engine in turn.

    Chance decides the order of each turn: after whom an engine comes is not the same every time. A
    turn in which one fails counts for none, so that the others' figures stay side by side.
    """
    rng = random.Random(0)
    prompts = workload(asked.pairs, count, 1.0, burst, seed=0, tokens_per_s=1.0)
    order = [kind for kind in engines if kind != ALONE]
    found: dict[str, list[float]] = {kind: [] for kind in order}
    for drawn in prompts:
        turn: dict[str, float] = {}
        for kind in rng.sample(order, len(order)):
            request = Request(drawn.prompt, IDLE_TOKENS, IDLE_GAP_S, LIMIT_TOKENS)
            (outcome,) = replay(engines[kind], [request])
            if not outcome.failed:
                turn[kind] = 1e3 * (outcome.first_token_after_s - outcome.lag_s)
        if len(turn) == len(order):
            for kind, ms in turn.items():
                found[kind].append(ms)
    return found


def _burst(engine: Engine, requests: Sequence[Request], slots: int) -> Burst:
    before = _predicted(engine)
    outcomes = replay(engine, requests)
    time.sleep(METRICS_LAG_S)
    late = sum(not o.failed and o.first_token_after_s >= WAITED_S for o in outcomes)
    in_queue = len(requests) - slots
    return Burst(min(late, in_queue), _predicted(engine) - before)


def _saturated(
    engines: dict[str, Engine], asked: Asked, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Tokens per second of plain engine, today's, and the plugin alone, in turns over the same."""
    found: dict[str, list[float]] = {PLAIN: [], NOW: [], ALONE: []}
    for seed in range(options.rounds):
        requests = workload(
            asked.pairs, options.requests_per_round, 1.0, burst, seed, tokens_per_s=1.0
        )
        turn = seed % 3
        for kind in (*list(found)[turn:], *list(found)[:turn]):
            found[kind].append(tokens_per_s_when_full(replay(engines[kind], requests)))
    return found


def _predicted(engine: Engine) -> int:
    """Requests that were ordered by a prediction; before, every prediction ordered one."""
    samples = parse_metrics(engine.get("/metrics"))
    names = {sample.name for sample in samples}
    if "lengthwise_waited_total" in names:
        return int(total(samples, "lengthwise_waited_total", ordered_by="prediction"))
    return int(total(samples, "lengthwise_predictions_total"))


def _step_us(engine: Engine) -> float:
    samples = parse_metrics(engine.get("/metrics"))
    steps = total(samples, "lengthwise_steps_total")
    return 1e6 * total(samples, "lengthwise_step_seconds_total") / steps if steps else 0.0


if __name__ == "__main__":
    main()
