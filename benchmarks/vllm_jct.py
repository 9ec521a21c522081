"""Completion times inside a real vLLM under several policies: `python -m benchmarks.vllm_jct`."""

import argparse
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import finish
from benchmarks.vllm.asked import Asked, ready_index
from benchmarks.vllm.engines import Host, measured_capacity, run_one, warm_up
from benchmarks.vllm.picture import draw_picture
from benchmarks.vllm.plan import EngineRuns, Plan, known_capacity
from benchmarks.vllm.policies import parse_policies
from benchmarks.vllm.rows import BY_ITSELF, ENDS, JctRow, read_rows, write_rows
from benchmarks.vllm.tables import jct_report
from lengthwise.index.errors import LengthIndexError
from testbed.engine import CACHE, VLLM
from testbed.engine_options import CPU_PREDICTOR, default_step_ms
from testbed.errors import TestbedError
from testbed.predictor import running_predictor
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.workload import named_arrivals

POLICIES = "fcfs,lengthwise,lengthwise-scheduler,oracle-sjf,oracle-srpt"


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, then report on what was asked for."""
    parser = _parser()
    options = parser.parse_args(argv)
    command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        plan = _plan(options)
        rows = _run(plan, options)
    except (ValueError, TestbedError, LengthIndexError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: the runs that ended are kept, the same command goes on from there")
    wanted = plan.asked_for(rows)
    if options.picture is not None:
        draw_picture(wanted, options.picture)
    finish(jct_report(command, wanted), options.report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_jct", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--history", type=Path, required=True, help="prompts and lengths to predict from")
    add("--requests", type=Path, required=True, help="prompts and true lengths to ask")
    add("--slots", default="1,8,32", help="numbers of requests at once (max_num_seqs)")
    add("--load", default="0.7,0.9,1.1,2.0", help="shares of the engine's capacity; 2 is a burst")
    add("--policies", default=POLICIES, help="KIND, KIND:RULE or KIND:RULE:option=value")
    add("--rule", default="", help="the plugin's rule where a policy names none")
    add("--seeds", type=int, default=3, help="how many workloads")
    add("--requests-per-run", type=int, help="default: 60 at 1 slot, 270 at 8, 600 at 32")
    add("--arrivals", default="poisson", help="poisson, burst or trace:FILE (scaled to the load)")
    add("--step-ms", type=float, help="the engine's pace; 0: none (default: 8 + slots / 2)")
    add("--ends", default=BY_ITSELF, choices=ENDS, help="what ends the answers")
    add("--index", type=Path, help="the store to use, built there unless it is there")
    add("--train", action="store_true", help="train the encoder where an index is built")
    add("--model", help="serve this instead of the tiny model (a name or folder)")
    add("--layers", type=int, default=TinyLlama().layers, help="of the tiny model: 1 is fast")
    add("--vllm", type=Path, default=VLLM, help="the program (default: .venv-vllm's)")
    add("--gpu", action="store_true", help="leave device, dtype and pace to vLLM")
    add("--json", type=Path, help="the rows; those that it holds are not run again")
    add("--report", type=Path, help="write the tables here as well, as benchmarks.readme reads it")
    add("--picture", type=Path, help="draw the completion times here (.png or .svg)")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    slots = [int(part) for part in options.slots.split(",")]
    loads = [float(part) for part in options.load.split(",")]
    if min(slots) < 1 or min(loads) <= 0 or options.seeds < 1:
        raise ValueError(
            f"--slots {options.slots} --load {options.load} --seeds {options.seeds}: expected "
            "numbers above 0"
        )
    if options.gpu and options.step_ms:
        raise ValueError("--step-ms paces the CPU's worker: with --gpu give none")
    named_arrivals(options.arrivals)
    pace_ms = 0.0 if options.gpu and options.step_ms is None else options.step_ms
    return Plan(
        parse_policies(options.policies, options.rule),
        slots,
        loads,
        options.seeds,
        options.arrivals,
        options.requests_per_run,
        {n: default_step_ms(n) if pace_ms is None else pace_ms for n in slots},
        options.ends,
    )


def _run(plan: Plan, options: argparse.Namespace) -> list[JctRow]:
    rows = read_rows(options.json)
    missing = plan.missing(rows)
    if not missing:
        return rows
    asked = Asked.from_files(options.history, options.requests, TinyLlama().window_tokens)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        model = options.model or tiny_model(CACHE, TinyLlama(layers=options.layers))
        host = Host(model, folder, options.vllm, on_gpu=options.gpu)
        if any(runs.policy.predicts for runs in missing):
            store = ready_index(asked, options.index or folder / "index", train=options.train)
            # No cache: the same prompts come again in every run.
            arguments = ("--cache-capacity", "0", "--log-level", "warning")
            arguments += () if options.gpu else CPU_PREDICTOR
            predictor = stack.enter_context(running_predictor(store, folder, arguments=arguments))
            host = replace(host, target=predictor.target)
        for runs in missing:
            _run_engine(host, runs, asked, rows, options.json)
    return rows


def _run_engine(
    host: Host, runs: EngineRuns, asked: Asked, rows: list[JctRow], out: Path | None
) -> None:
    """All missing runs of one policy at one number of slots."""
    step_ms = runs.keys[0].step_ms
    what = f"{runs.policy.name}, {runs.slots} slots"
    with (
        _progress(what, sum(key.requests for key in runs.keys)) as advance,
        host.engine(runs.policy, runs.slots, step_ms, asked.model) as engine,
    ):
        warm_up(engine, asked, runs.slots, runs.keys[0].ends)
        capacity = known_capacity(rows, runs.slots, step_ms)
        capacity = capacity or measured_capacity(engine, asked, runs.slots)
        for key in runs.keys:
            rows.append(
                run_one(engine, runs.policy, key, asked, capacity=capacity, on_finished=advance)
            )
            if out is not None:
                write_rows(out, rows)


@contextmanager
def _progress(what: str, requests: int) -> Generator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(what, total=requests)
        yield lambda: progress.advance(task)


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
