"""Building an index beside the encoder alone: `python -m benchmarks.build`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.processes import Finished, run_measured
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import DAVINCI, data_file

ALL_ROWS = 10**9
"""More rows than any set has."""

QUICK_ROWS = 3_000
"""Rows read of the set with --quick."""

STAGES = {
    "encode_s": "read, encode, write rows",
    "index_s": "build the search index, tune it",
    "calibrate_s": "fit, calibrate, evaluate, publish",
}

Pass = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = parsed(base_parser("build", "Building an index beside the encoder alone."), argv)
    history = data_file(options.data, DAVINCI)
    rows = QUICK_ROWS if options.quick else ALL_ROWS
    builds: list[Pass] = []
    encodes: list[Pass] = []
    for i in range(options.repeats):
        say(f"round {i + 1} of {options.repeats}: the encoder alone, then a build")
        encodes.append(_child("encode", history, rows))
        builds.append(_child("build", history, rows))
    command = None
    if not options.quick:
        say("the command itself, from start to exit")
        command = _command(history)
    finish(_report(options.command, builds, encodes, command), options.json)


def _child(what: str, history: Path, rows: int) -> Pass:
    arguments = [sys.executable, "-m", "benchmarks.build.child", what, str(history), str(rows)]
    run = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def _command(history: Path) -> Finished:
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        out = str(Path(folder) / "index")
        arguments = ["build", "--history", str(history), "--out", out, "--json"]
        return run_measured([sys.executable, "-m", "index_builder", *arguments])


def _report(
    command: str, builds: list[Pass], encodes: list[Pass], whole: Finished | None
) -> Report:
    rows = builds[0]["rows"]
    of_raw = ratio_spread([_rate(b) for b in builds], [_rate(e) for e in encodes])
    table_rows = [_row("the encoder alone", encodes), _row("a build", builds)]
    table_rows[1]["of_raw"] = of_raw
    if whole is not None:
        row: Row = {"what": "python -m index_builder build, start to exit", "wall_s": whole.wall_s}
        table_rows.append({**row, "rate": rows / whole.wall_s, "peak_mib": whole.peak_mib})
    columns = [
        Column("what", f"{rows:,} rows of {DAVINCI}"),
        Column("rate", "rows/s", "{:,.0f}", with_range=True),
        Column("of_raw", "of the encoder's", "{:.2f}", with_range=True),
        Column("wall_s", "s", "{:.1f}"),
        Column("cpu_s", "CPU s", "{:.1f}"),
        Column("peak_mib", "peak MiB", "{:,.0f}"),
    ]
    notes = [
        "The encoder alone gets all prompts in one call and nothing else is counted; a build "
        "reads, encodes, indexes, calibrates and publishes. Both after loading the encoder; their "
        "peaks are of whole processes."
    ]
    aims = [Aim("rows per second over the encoder's", of_raw, at_least=0.9)]
    tables = [
        Table("build", "Building beside the encoder alone", columns, table_rows, notes),
        _stages(builds),
        aims_table(aims),
    ]
    return Report("build", command, tables)


def _rate(found: Pass) -> float:
    return found["rows"] / found["wall_s"]


def _row(what: str, passes: list[Pass]) -> Row:
    keys = ("wall_s", "cpu_s", "peak_mib")
    spreads = {key: Spread.from_values([found[key] for found in passes]) for key in keys}
    return {"what": what, "rate": Spread.from_values([_rate(found) for found in passes]), **spreads}


def _stages(builds: list[Pass]) -> Table:
    rows: list[Row] = [
        {
            "stage": title,
            "seconds": Spread.from_values([found[key] for found in builds]),
            "share": Spread.from_values([found[key] / found["wall_s"] for found in builds]),
        }
        for key, title in STAGES.items()
    ]
    columns = [
        Column("stage", "stage of a build"),
        Column("seconds", "s", "{:.1f}"),
        Column("share", "share", "{:.0%}"),
    ]
    return Table("stages", "Where a build's time goes", columns, rows)


if __name__ == "__main__":
    main()
