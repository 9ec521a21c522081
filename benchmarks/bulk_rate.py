"""Predictions a second of whole services, asked in bulk: `python -m benchmarks.bulk_rate`.

Services of several indexes, and that of another commit, take turns over the same held-out prompts.
Unlike `benchmarks.distillation`, which times encoding, search and estimate in one process, this has
all that a caller pays for: gRPC, messages, the queue, and batches that are computed side by side.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import VICUNA, learnt_and_asked, read_records
from benchmarks.service_load.job import STREAM, LoadResult
from benchmarks.service_load.measure import Measurer
from benchmarks.service_load.servers import predictor_service

BASELINE = "baseline"

PROMPTS, QUICK_PROMPTS = 2_000, 256
"""Asked in a round, and with --quick."""

AIMS = {"2 narrow": 3.0, "static": 10.0, "cascade": 10.0}
"""Predictions a second over the baseline's, by the name of the index."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("bulk_rate", "Predictions a second of services, in bulk.", repeats=5)
    parser.add_argument(
        "--serve",
        action="append",
        required=True,
        metavar="NAME=STORE",
        help="an index and its name in the table; some of benchmarks.distillation's sizes have an "
        "aim, and cascade has (more than once)",
    )
    parser.add_argument(
        "--baseline", type=Path, required=True, help="a checkout that is measured beside this"
    )
    parser.add_argument(
        "--baseline-index", type=Path, required=True, help="store that its service serves"
    )
    options = parsed(parser, argv)
    stores: dict[str, Path] = {}
    for given in options.serve:
        name, equals, store = given.partition("=")
        if not equals or name in (*stores, BASELINE):
            parser.error(f"--serve takes NAME=STORE, each name once and none of them {BASELINE!r}")
        stores[name] = Path(store)
    finish(_report(options.command, _measured(options, stores)), options.json)


def _measured(
    options: argparse.Namespace, stores: Mapping[str, Path]
) -> dict[str, list[LoadResult]]:
    _, asked = learnt_and_asked(read_records(options.data, VICUNA))
    prompts = [record.prompt for record in asked][:PROMPTS]
    count = QUICK_PROMPTS if options.quick else PROMPTS
    job = replace(STREAM, prompts=count, model=asked[0].model, neighbour_count=0)
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder, ExitStack() as stack:
        prompt_file = Path(folder) / "prompts.json"
        prompt_file.write_text(json.dumps(prompts), "utf-8")

        def service(store: Path, checkout: Path | None) -> Measurer:
            server = stack.enter_context(
                predictor_service(store, Path(folder), 1, checkout=checkout)
            )
            return stack.enter_context(Measurer(server, prompt_file, prompts, None, 0))

        say("starting the services")
        services = {BASELINE: service(options.baseline_index, options.baseline)}
        services |= {name: service(store, None) for name, store in stores.items()}
        for one in services.values():
            one.warm_up(job)
        found: dict[str, list[LoadResult]] = {name: [] for name in services}
        for number in range(options.repeats):
            say(f"round {number + 1} of {options.repeats}")
            for name in list(services)[:: -1 if number % 2 else 1]:
                found[name].append(services[name].load(job))
    return found


def _report(command: str, found: Mapping[str, Sequence[LoadResult]]) -> Report:
    rates = {name: [one.rate for one in results] for name, results in found.items()}
    ratios = {
        name: ratio_spread(rates[name], rates[BASELINE]) for name in found if name != BASELINE
    }
    columns = [
        Column("name", "service"),
        Column("rate", "predictions/s", "{:,.0f}", with_range=True),
        Column("ratio", "over the baseline's", "{:.2f}", with_range=True),
        Column("batch", "prompts in a micro-batch", "{:.0f}"),
    ]
    rows: list[Row] = [
        {
            "name": name,
            "rate": Spread.from_values(rates[name]),
            "ratio": ratios.get(name),
            "batch": Spread.from_values([one.mean_batch for one in results]),
        }
        for name, results in found.items()
    ]
    aims = [
        Aim(f"predictions/s over the baseline's, {name}", ratios[name], at_least=times)
        for name, times in AIMS.items()
        if name in ratios
    ]
    notes = [
        f"{len(rates[BASELINE])} rounds in turns, every other in reverse; ratios round by round. "
        f"One stream of messages of {STREAM.per_message} prompts, {STREAM.in_flight} of them "
        "unanswered, made before the clock starts; the prompts are the fifth of the Vicuna set "
        "that no index holds. They are asked as the plugin for vLLM and the gateways ask: with the "
        "LLM's name and without neighbours' names. The asking process shares the cores with the "
        "services.",
        "What each loses in accuracy stands with benchmarks.distillation.",
    ]
    table = Table("bulk_rate", "Services asked in batches of 32", columns, rows)
    return Report("bulk_rate", command, [table, aims_table(aims)], notes)


if __name__ == "__main__":
    main()
