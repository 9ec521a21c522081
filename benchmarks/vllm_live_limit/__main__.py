"""See the package: `python -m benchmarks.vllm_live_limit`, with vLLM's environment or without."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.harness.environments import with_vllm
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.vllm_live_limit.phases import PHASES, SETTINGS
from benchmarks.vllm_live_limit.tables import Run, report_tables

NAME = "vllm_live_limit"
QUICK_S = 5.0
"""Of a phase: the limit hardly settles in it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run every setting through the phases, seed by seed."""
    with_vllm(f"benchmarks.{NAME}", argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    package = sys.modules["benchmarks.vllm_live_limit"]
    options = parsed(base_parser(NAME, package.__doc__ or ""), argv)
    runs = measured(options.repeats, quick=options.quick)
    finish(Report(NAME, options.command, report_tables(runs), NOTES), options.json)
    return 0


NOTES = (
    "The engine is vLLM's own in this process, with a tiny model; its clock is the simulator's "
    "profile opt-13b-a100-40gb with a tenth of noise on each step, and memory for all that run.",
    "Callers send their next request when the one before has ended. Where a phase ends, who still "
    "waits for a first token gives up; who runs is served beside those of the next phase, and "
    "counts where it ends.",
)


def measured(repeats: int, *, quick: bool) -> list[Run]:
    """One run for each seed and setting, all on the same engine."""
    from benchmarks.vllm_live_limit.callers import CallersRun  # noqa: PLC0415  heavy
    from benchmarks.vllm_live_limit.engine import (  # noqa: PLC0415  as above
        engine_options,
        fast_model,
    )
    from testbed.in_engine.modelled_engine import modelled_engine  # noqa: PLC0415  as above

    phases = [replace(phase, seconds=QUICK_S) if quick else phase for phase in PHASES]
    runs: list[Run] = []
    with modelled_engine(fast_model(), engine_options()) as engine:
        for seed in range(repeats):
            for setting in SETTINGS:
                say(f"seed {seed}, limit {setting.name}")
                run = CallersRun(engine, setting, seed)
                results = dict(zip([p.name for p in phases], run.run(phases), strict=True))
                runs.append(Run(seed, setting, results, run.limit_us))
    return runs


if __name__ == "__main__":
    sys.exit(main())
