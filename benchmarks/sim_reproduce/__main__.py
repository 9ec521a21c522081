"""SSJF's and ALISE's headlines in the simulator: `python -m benchmarks.sim_reproduce`.

With --docs FOLDER the tables of its simulator_results.md and the pictures beside it are made anew.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish
from benchmarks.readme import render, replaced
from benchmarks.sim_reproduce.pictures import draw_pictures
from benchmarks.sim_reproduce.tables import (
    ablation_table,
    curve_table,
    rates_table,
    ssjf_large_table,
    ssjf_table,
)
from serving_sim.cli.output import progress_bar
from serving_sim.reproduce.headlines import Headlines, reproduce, requests_in_all

NAME = "sim_reproduce"
PAGE = "simulator_results.md"
NOTES = (
    "Virtual time: the figures depend on no machine. SSJF rows are means over runs, each run "
    "against first come first served on the same requests; curves are means over two seeds.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Compute, print, write."""
    parser = base_parser(NAME, __doc__ or "", repeats=1)
    parser.add_argument("--docs", type=Path, help="folder of simulator_results.md")
    options = parsed(parser, argv)
    with progress_bar("Requests simulated", requests_in_all(quick=options.quick)) as advance:
        found = reproduce(options.data, quick=options.quick, on_progress=advance)
    report(found, options)
    return 0


def report(found: Headlines, options: argparse.Namespace) -> None:
    """Print and write what came out."""
    tables = [
        *(ssjf_table(found.ssjf_small, batching) for batching in ("none", "dynamic", "continuous")),
        ssjf_large_table(found.ssjf_large),
        rates_table(found.rate_ratios),
        ablation_table(found.alise),
        curve_table(found.alise),
    ]
    made = Report(NAME, options.command, tables, NOTES)
    finish(made, options.json)
    if options.docs is not None:
        draw_pictures(found, options.docs)
        _write_page(options.docs / PAGE, made)


def _write_page(path: Path, made: Report) -> None:
    data = made.to_dict()

    def renderer(name: str) -> str | None:
        benchmark, _, table = name.partition("/")
        return render(data, table) if benchmark == NAME else None

    path.write_text(replaced(path.read_text("utf-8"), renderer), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
