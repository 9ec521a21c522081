"""What the plugin costs a real vLLM: `python -m benchmarks.vllm_overhead`.

Two engines stand side by side, one plain and one with the plugin, and take turns: the machine's
other work then falls on both.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import Report, finish
from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.vllm.asked import Asked, ready_index
from benchmarks.vllm.engines import Host, warm_up
from benchmarks.vllm.ordered import Ordered
from benchmarks.vllm.policies import Policy
from lengthwise.index.errors import LengthIndexError
from testbed.engine import CACHE, Engine
from testbed.engine_options import CPU_PREDICTOR, default_step_ms
from testbed.errors import TestbedError
from testbed.predictor import running_predictor
from testbed.replay import replay, tokens_per_s_when_full
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.workload import Request, burst, workload

PLAIN, PLUGIN = Policy("oracle-sjf"), Policy("lengthwise")
"""Both engines run --scheduling-policy priority: the plugin alone is the difference."""

Both = tuple[float, float]
"""A figure of the plain engine and of the one with the plugin."""

BREAKER_TIMEOUT_S = 120.0
"""Several times what the plugin's breaker stays open at most."""

IDLE_GAP_S = 0.25
IDLE_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """A plain engine and one with the plugin, at the same number of slots."""

    plain: Engine
    plugin: Engine
    slots: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rounds gave, plain and with the plugin, round by round.

    Args:
        tokens_per_s: With all slots taken.
        ttft_ms: Median time to the first token of single requests to an idle engine.
        predicted: Shares of the requests that the plugin had a prediction for, with all slots taken
            and idle: what is not predicted costs nothing.
    """

    tokens_per_s: list[tuple[float, float]]
    ttft_ms: list[tuple[float, float]]
    predicted: list[tuple[float, float]]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_overhead", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--history", type=Path, required=True, help="prompts and lengths to predict from")
    add("--requests", type=Path, required=True, help="prompts and true lengths to ask")
    add("--slots", type=int, default=8, help="requests at once")
    add("--step-ms", type=float, help="the engines' pace; 0: none (default: 8 + slots / 2)")
    add("--rounds", type=int, default=5, help="turns of both engines")
    add("--requests-per-round", type=int, default=80, help="at saturation")
    add("--index", type=Path, help="the store to use, built there unless it is there")
    add("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    try:
        measured = _measure(options)
    except (ValueError, TestbedError, LengthIndexError) as error:
        parser.error(str(error))
    finish(overhead_report(command, measured, options.slots, _step_ms(options)), options.json)


def _step_ms(options: argparse.Namespace) -> float:
    return default_step_ms(options.slots) if options.step_ms is None else options.step_ms


def _measure(options: argparse.Namespace) -> Measured:
    asked = Asked.from_files(options.history, options.requests, TinyLlama().window_tokens)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        store = ready_index(asked, options.index or folder / "index", train=False)
        arguments = ("--cache-capacity", "0", "--log-level", "warning", *CPU_PREDICTOR)
        predictor = stack.enter_context(running_predictor(store, folder, arguments=arguments))
        host = Host(tiny_model(CACHE), folder, target=predictor.target)
        plain, plugin = (
            stack.enter_context(host.engine(policy, options.slots, _step_ms(options), asked.model))
            for policy in (PLAIN, PLUGIN)
        )
        for engine in (plain, plugin):
            warm_up(engine, asked, options.slots)
        pair = Pair(plain, plugin, options.slots)
        rounds = [_round(pair, asked, options.requests_per_round, n) for n in range(options.rounds)]
        tokens_per_s, ttft_ms, predicted = zip(*rounds, strict=True)
        return Measured(list(tokens_per_s), list(ttft_ms), list(predicted))


def _round(pair: Pair, asked: Asked, count: int, seed: int) -> tuple[Both, Both, Both]:
    """One turn of both: tokens per second, times to the first token, shares predicted."""
    before = Ordered.read(pair.plugin)
    tokens_per_s = _saturated(pair, asked, count, seed)
    full = Ordered.read(pair.plugin).since(before)
    _await_prediction(pair.plugin, asked)
    before = Ordered.read(pair.plugin)
    ttft_ms = _idle(pair, asked, seed)
    idle = Ordered.read(pair.plugin).since(before)
    return tokens_per_s, ttft_ms, (full.share_predicted, idle.share_predicted)


def _saturated(pair: Pair, asked: Asked, count: int, seed: int) -> Both:
    """Tokens per second of both, over the same requests."""
    requests = workload(asked.pairs, count, 1.0, burst, seed, tokens_per_s=1.0)
    found = {
        engine.port: tokens_per_s_when_full(replay(engine, requests))
        for engine in _turn(pair, seed)
    }
    return found[pair.plain.port], found[pair.plugin.port]


def _await_prediction(engine: Engine, asked: Asked) -> None:
    """Ask until the plugin asks: after a burst that was too much for a busy CPU it may not."""
    prompt = asked.pairs[0][0]
    before = Ordered.read(engine)
    ends_s = time.monotonic() + BREAKER_TIMEOUT_S
    while not Ordered.read(engine).since(before).by_prediction:
        if time.monotonic() > ends_s:
            raise TestbedError(
                f"no request was predicted within {BREAKER_TIMEOUT_S:g} s; the engine's log ends "
                f"with:\n{engine.log_tail()}"
            )
        replay(engine, [Request(prompt, IDLE_TOKENS, IDLE_GAP_S, 100)])


def _idle(pair: Pair, asked: Asked, seed: int, count: int = 20) -> Both:
    """Median time to the first token of both, in milliseconds; one request at a time."""
    prompts = workload(asked.pairs, count, 1.0, burst, seed, tokens_per_s=1.0)
    requests = [
        Request(request.prompt, IDLE_TOKENS, i * IDLE_GAP_S, 100)
        for i, request in enumerate(prompts)
    ]
    found: dict[int, float] = {}
    for engine in _turn(pair, seed):
        outcomes = replay(engine, requests)
        ms = [1e3 * (o.first_token_after_s - o.lag_s) for o in outcomes if not o.failed]
        found[engine.port] = percentile(ms, 0.5)
    return found[pair.plain.port], found[pair.plugin.port]


def _turn(pair: Pair, round_number: int) -> tuple[Engine, Engine]:
    """Who goes first changes with the round."""
    if round_number % 2:
        return pair.plugin, pair.plain
    return pair.plain, pair.plugin


def overhead_report(command: str, measured: Measured, slots: int, step_ms: float) -> Report:
    """What the plugin costs, and whether that is little enough."""
    ratio = ratio_spread(
        [b for _, b in measured.tokens_per_s], [a for a, _ in measured.tokens_per_s]
    )
    added = Spread.from_values([b - a for a, b in measured.ttft_ms])
    rows: list[Row] = [
        _row(f"tokens/s with all {slots} slots taken", measured.tokens_per_s, "ratio", ratio),
        _row("median ms to the first token, idle engine", measured.ttft_ms, "added", added),
    ]
    full, idle = (Spread.from_values([shares[i] for shares in measured.predicted]) for i in (0, 1))
    columns = [
        Column("what", "measured"),
        Column("plain", "plain", "{:,.1f}"),
        Column("plugin", "with the plugin", "{:,.1f}"),
        Column("ratio", "ratio", "{:.3f}", with_range=True),
        Column("added", "added", "{:+.1f}", with_range=True),
    ]
    aims = [
        Aim("throughput of plain vLLM's", ratio, at_least=0.99, form="{:.3f}"),
        Aim("added to an idle engine's first token", added, at_most=10, form="{:.1f} ms"),
        Aim("share of these with a prediction", idle, at_least=1.0, form="{:.0%}"),
    ]
    tables = [Table("vllm_overhead", "What the plugin costs", columns, rows), aims_table(aims)]
    notes = [
        "Two real vLLMs under --scheduling-policy priority take turns over the same requests; "
        "engine, predictor and client share the cores.",
        f"Their step takes {step_ms:g} ms at least, as an accelerator's does, which leaves the CPU "
        "to the rest."
        if step_ms
        else "Their step has no pace: whatever CPU time plugin and predictor take, the tiny model "
        "lacks, as no model on an accelerator would.",
        f"With all slots taken {full.median:.0%} of the requests had a prediction within the "
        f"plugin's deadline ({full.lowest:.0%} to {full.highest:.0%}); all come at once there.",
    ]
    return Report("vllm_overhead", command, tables, notes)


def _row(what: str, pairs: Sequence[tuple[float, float]], key: str, spread: Spread) -> Row:
    plain, plugin = (Spread.from_values([pair[i] for pair in pairs]) for i in (0, 1))
    return {"what": what, "plain": plain, "plugin": plugin, key: spread}


if __name__ == "__main__":
    main()
