"""See the package: `python -m benchmarks.kv_swap`, with vLLM's environment or without."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks.harness.environments import with_vllm
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish
from benchmarks.harness.table import Table

NAME = "kv_swap"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts in turn."""
    with_vllm("benchmarks.kv_swap", argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    from benchmarks.kv_swap.setting import Setting  # noqa: PLC0415  heavy

    parts = _parts()
    parser = base_parser(NAME, sys.modules["benchmarks.kv_swap"].__doc__ or "", repeats=1)
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts), help="these parts")
    options = parsed(parser, argv)
    setting = Setting(options.data, options.quick)
    tables: list[Table] = []
    for part in options.only:
        print(f"{part} ...", file=sys.stderr, flush=True)
        tables.append(parts[part](setting))
    finish(Report(NAME, options.command, tables, NOTES), options.json)
    return 0


NOTES = (
    "The engine is vLLM's own in this process, with a tiny model; its clock is the simulator's "
    "profile opt-13b-a100-40gb: what a step takes follows from the bytes and FLOPs in it; copies "
    "cross the link beside the steps, which wait for what is beyond 256 MiB on its way out, and 2 "
    "microseconds for each token that is read from blocks or written to them.",
    "Predictions are the true lengths with noise of Kendall's tau-b 0.6.",
)


def _parts() -> Mapping[str, Callable[..., Table]]:
    from benchmarks.kv_swap import (  # noqa: PLC0415  heavy
        against_simulator,
        arithmetic,
        latency,
        pressure,
        rounding,
        same_answers,
    )

    return {
        "same_answers": same_answers.same_answers,
        "rounded_answers": rounding.rounded_answers,
        "divergence": rounding.divergence,
        "burst": pressure.burst,
        "little_memory": pressure.little_memory,
        "normal_memory": pressure.normal_memory,
        "completion": latency.completion_times,
        "equal_latency_sharegpt": partial(latency.equal_latency, lengths="ShareGPT"),
        "equal_latency_alpaca": partial(latency.equal_latency, lengths="Alpaca"),
        "simulator": against_simulator.against_simulator,
        "arithmetic": arithmetic.arithmetic,
    }


if __name__ == "__main__":
    sys.exit(main())
