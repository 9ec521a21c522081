"""All that runs on an NVIDIA GPU, without a network: `python -m benchmarks.gpu`.

Every part says in one line what it lacks, and the others go on.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.gpu.part import Measured, Outcome, Setting, outcome_table, require, run_part
from benchmarks.harness.aims import aims_table
from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import Report, say, write
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, choose_device
from lengthwise.index.encoder.openmp import bound_spinning

PARTS = ("encoder", "search", "prediction", "training", "service", "swap")
"""Each is a module here; imported when it runs, since another may lack what this one needs."""

SERVICE_MODULES = (
    "faiss",
    "structlog",
    "pydantic",
    "sqlalchemy",
    "alembic",
    "grpc_health",
    "grpc_reflection",
    "prometheus_client",
)
"""What the service and the build of its index need beyond what the other parts do."""

PROMPTS_NOTE = (
    "Prompts are made up (benchmarks/gpu/prompts.py), of 10 to 500 tokens, 70 on average."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report, or pack the encoder."""
    bound_spinning()  # before PyTorch is imported, with the first question to it
    options = _parsed(argv)
    if options.pack is not None:
        from benchmarks.gpu.pack import pack  # noqa: PLC0415  needs the encoder's package

        say(f"{options.pack}: {pack(options.pack):.0f} MiB; measure it with --model")
        return
    setting = Setting(
        "cpu" if options.cpu else "cuda",
        DEFAULT_ENCODER if options.model is None else str(options.model.resolve()),
        options.quick,
        1 if options.quick else options.repeats,
    )
    outcomes: list[Outcome] = []
    for name in options.only:
        outcomes.append(run_part(name, _measurement(name), setting))
        # After each: what is measured is kept where a lent machine's time ends within the next.
        write(_report(options.command, outcomes), options.json)
    _report(options.command, outcomes).show()
    if any(outcome.state == "failed" for outcome in outcomes):
        sys.exit(1)


def _measurement(name: str) -> Callable[[Setting], Measured]:
    def measure(setting: Setting) -> Measured:
        if name == "service":
            require("service", *SERVICE_MODULES)
        return importlib.import_module(f"benchmarks.gpu.{name}_part").measure(setting)

    return measure


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Everything that runs on an NVIDIA GPU, without a network.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--json", type=Path, help="also write the results here, after each part")
    add("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    add("--model", type=Path, help="folder of the encoder, as --pack writes it")
    add("--repeats", type=int, default=3, help="rounds of each measurement")
    add("--cpu", action="store_true", help="run on the CPU: does it run at all?")
    add("--quick", action="store_true", help="small sizes, one round: does it run at all?")
    add("--pack", type=Path, metavar="FOLDER", help="only write the encoder to a folder (45 MB)")
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats is {options.repeats}: expected at least 1")
    if options.model is not None and not options.model.is_dir():
        parser.error(f"--model is {options.model}: expected a folder, as --pack writes it")
    if options.pack is None and not options.cpu and choose_device("auto") != "cuda":
        parser.error("PyTorch sees no NVIDIA GPU here: a dry run on the CPU takes --cpu --quick")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


def _report(command: str, outcomes: Sequence[Outcome]) -> Report:
    measured = [outcome.measured for outcome in outcomes if outcome.measured is not None]
    tables = [table for one in measured for table in one.tables]
    aims = [aim for one in measured for aim in one.aims]
    if aims:
        tables.append(aims_table(aims))
    return Report("gpu", command, [*tables, outcome_table(outcomes)], [PROMPTS_NOTE])


if __name__ == "__main__":
    main()
