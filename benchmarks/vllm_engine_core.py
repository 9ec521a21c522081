"""What Lengthwise in the engine core costs and orders: `python -m benchmarks.vllm_engine_core`.

A plain vLLM, one with Lengthwise and one with Lengthwise as it was at another commit stand side by
side and take turns: single requests to an idle engine, then bursts.
"""

import argparse
import subprocess
import sys
import time
import tomllib
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import Report, finish
from benchmarks.harness.spread import percentile
from benchmarks.harness.table import Column, Row, Table
from benchmarks.vllm.asked import Asked, ready_index
from lengthwise.index.errors import LengthIndexError
from testbed.engine import CACHE, ROOT, Engine, running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import CPU_NICENESS, CPU_PREDICTOR, EngineOptions, default_step_ms
from testbed.errors import TestbedError
from testbed.predictor import running_predictor
from testbed.replay import replay
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.workload import Request, burst, warm_up_requests, workload

PLAIN, NOW, BEFORE = "plain", "Lengthwise", "Lengthwise before"
BASELINE_COMMIT = "66e1592"
"""The last one in which a request waited for its prediction."""

TESTBED = "testbed"
"""Paces the engines, and gives answers their true lengths."""

IDLE_GAP_S, IDLE_TOKENS = 0.25, 4
LIMIT_TOKENS = 4_096
WAITED_S = 0.1
"""Who waited less could hardly have been ordered by anything."""

METRICS_LAG_S = 1.5
"""The sidecar brings its counts up to date once a second."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of requests that came at once.

    Args:
        waited: Those that got no token within WAITED_S, less those that found a free slot: these
            never stood in the queue.
        predicted: Those that had a prediction when they were ordered.
    """

    waited: int
    predicted: int

    @property
    def share(self) -> float:
        """Of those that waited; at most 1, since a few that did not may have been predicted."""
        return min(1.0, self.predicted / self.waited) if self.waited else 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """By the engine's name: milliseconds to the first token, and bursts."""

    ttft_ms: dict[str, list[float]]
    bursts: dict[str, list[Burst]]
    step_us: float


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
            else stack.enter_context(_checkout(folder / "baseline"))
        )
        plugin = {"LENGTHWISE_TARGET": predictor.target, "LENGTHWISE_MODEL": asked.model}
        plugin["LENGTHWISE_REPORT"] = "false"  # the same prompts come again in every burst
        environments = {
            PLAIN: {},
            NOW: plugin,
            BEFORE: plugin | {"PYTHONPATH": _python_path(baseline, folder / "entry points")},
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
        return Measured(ttft_ms, bursts, _step_us(engines[NOW]))


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


@contextmanager
def _checkout(folder: Path) -> Generator[Path]:
    """A worktree of the baseline while the context lasts."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(folder), BASELINE_COMMIT], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def _python_path(checkout: Path, folder: Path) -> str:
    """Where an engine finds a checkout instead of what is installed, entry points too.

    The testbed is the one that measures it.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    for package in checkout.glob("*/__init__.py"):
        name = package.parent.name
        (folder / name).symlink_to(ROOT / name if name == TESTBED else package.parent)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return str(folder)


def _idle(engines: dict[str, Engine], asked: Asked, count: int) -> dict[str, list[float]]:
    """Milliseconds to the first token of one request at a time, to each engine in turn."""
    prompts = workload(asked.pairs, count, 1.0, burst, seed=0, tokens_per_s=1.0)
    found: dict[str, list[float]] = {kind: [] for kind in engines}
    for number, drawn in enumerate(prompts):
        order = list(engines)
        for kind in order[number % 3 :] + order[: number % 3]:
            request = Request(drawn.prompt, IDLE_TOKENS, IDLE_GAP_S, LIMIT_TOKENS)
            (outcome,) = replay(engines[kind], [request])
            if not outcome.failed:
                found[kind].append(1e3 * (outcome.first_token_after_s - outcome.lag_s))
    return found


def _burst(engine: Engine, requests: Sequence[Request], slots: int) -> Burst:
    before = _predicted(engine)
    outcomes = replay(engine, requests)
    time.sleep(METRICS_LAG_S)
    late = sum(not o.failed and o.first_token_after_s >= WAITED_S for o in outcomes)
    in_queue = len(requests) - slots
    return Burst(min(late, in_queue), _predicted(engine) - before)


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


def engine_core_report(command: str, measured: Measured) -> Report:
    """What it costs an idle engine and how much of a burst it orders."""
    plain_ms = measured.ttft_ms[PLAIN]
    idle: list[Row] = [
        {
            "engine": kind,
            "p50": percentile(ms, 0.5),
            "p95": percentile(ms, 0.95),
            "added_p50": _added(ms, plain_ms, 0.5),
            "added_p95": _added(ms, plain_ms, 0.95),
        }
        for kind, ms in measured.ttft_ms.items()
    ]
    bursts: list[Row] = [
        {
            "engine": kind,
            "waited": sum(one.waited for one in found),
            "predicted": sum(one.predicted for one in found),
            "share": _share(found),
        }
        for kind, found in measured.bursts.items()
    ]
    idle_columns = [
        Column("engine", "engine"),
        Column("p50", "p50, ms", "{:.1f}"),
        Column("p95", "p95, ms", "{:.1f}"),
        Column("added_p50", "added at p50", "{:+.1f}"),
        Column("added_p95", "added at p95", "{:+.1f}"),
    ]
    burst_columns = [
        Column("engine", "engine"),
        Column("waited", f"waited {WAITED_S:g} s or more"),
        Column("predicted", "ordered by a prediction"),
        Column("share", "share", "{:.0%}"),
    ]
    now_ms = measured.ttft_ms[NOW]
    aims = [
        Aim("added to an idle engine's first token, p50", _added(now_ms, plain_ms, 0.5), at_most=1),
        Aim("the same, p95", _added(now_ms, plain_ms, 0.95), at_most=3),
        Aim("of a burst ordered by a prediction", _share(measured.bursts[NOW]), at_least=0.95),
    ]
    tables = [
        Table("first_token", "Time to the first token of an idle engine", idle_columns, idle),
        Table("bursts", "Requests that came at once", burst_columns, bursts),
        aims_table(aims),
    ]
    notes = [
        "Three real vLLMs stand side by side and take turns; engines, predictor and client share "
        "the cores. Settings are the defaults.",
        f"Ordering took {measured.step_us:.0f} us of a step of the engine on average, with what "
        "requests that came and ended took.",
    ]
    return Report("vllm_engine_core", command, tables, notes)


def _added(ms: list[float], plain_ms: list[float], level: float) -> float:
    return percentile(ms, level) - percentile(plain_ms, level)


def _share(bursts: Sequence[Burst]) -> float:
    waited = sum(burst.waited for burst in bursts)
    predicted = sum(min(burst.waited, burst.predicted) for burst in bursts)
    return predicted / waited if waited else 0.0


if __name__ == "__main__":
    main()
