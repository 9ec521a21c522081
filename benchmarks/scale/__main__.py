"""A build on Ray beside a local build: `python -m benchmarks.scale`, in the environment .venv-ray.

Each is the command itself, from start to exit, with all processes that it starts.
"""

import gzip
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import DAVINCI, data_file
from testbed.process_tree import TreeCost, run_tree

FILES = 12
"""Files that the set is cut into, as a log that begins a new one each month."""

QUICK_ROWS = 1_000
"""Rows of the set with --quick."""

ALL_ROWS = 10**9
"""More rows than any set has."""

COMPARED = ("rows.parquet", "vectors.faiss", "calibration.json")
"""Files of an artifact that must be the same, byte for byte."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("scale", "A build on Ray beside a local build.", repeats=1)
    parser.add_argument("--rows", type=int, default=ALL_ROWS, help="rows of the set, at most")
    options = parsed(parser, argv)
    limit = QUICK_ROWS if options.quick else options.rows
    local: list[TreeCost] = []
    on_ray: list[TreeCost] = []
    found: set[str] = set()
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        rows = cut(data_file(options.data, DAVINCI), folder / "history", limit)
        for i in range(options.repeats):
            for costs, engine in ((local, "local"), (on_ray, "ray")):
                say(f"round {i + 1} of {options.repeats}: {rows:,} rows, {engine}")
                out = folder / f"{engine}-{i}"
                costs.append(_build(folder / "history", out, engine))
                found.add(_digest(out))
    finish(_report(options.command, rows, local, on_ray, same=len(found) == 1), options.json)


def cut(source: Path, folder: Path, limit: int) -> int:
    """Cut a set of JSON lines into files; gives how many rows they hold."""
    folder.mkdir()
    with gzip.open(source, "rb") as file:
        lines = list(islice(file, limit))
    share = -(-len(lines) // FILES)
    for number in range(FILES):
        part = lines[number * share : (number + 1) * share]
        (folder / f"month-{number:02d}.jsonl").write_bytes(b"".join(part))
    return len(lines)


def _build(history: Path, out: Path, engine: str) -> TreeCost:
    command = [sys.executable, "-m", "index_builder", "build", "--json"]
    arguments = ["--history", str(history), "--out", str(out), "--engine", engine]
    return run_tree([*command, *arguments], environment=os.environ)


def _digest(store: Path) -> str:
    [version] = (store / "versions").iterdir()
    files = [hashlib.sha256((version / name).read_bytes()).hexdigest() for name in COMPARED]
    fingerprint = json.loads((version / "manifest.json").read_text())["data_fingerprint"]
    return " ".join([*files, fingerprint])


def _report(
    command: str, rows: int, local: list[TreeCost], on_ray: list[TreeCost], *, same: bool
) -> Report:
    ratio = ratio_spread([c.cpu_s for c in on_ray], [c.cpu_s for c in local])
    table_rows = [_row("local", rows, local), _row("--engine ray", rows, on_ray)]
    table_rows[1]["of_local"] = ratio
    columns = [
        Column("what", f"{rows:,} rows of {DAVINCI} in {FILES} files"),
        Column("rate", "rows/CPU s", "{:,.0f}", with_range=True),
        Column("cpu_s", "CPU s", "{:,.1f}"),
        Column("of_local", "of the local's", "{:.2f}", with_range=True),
        Column("wall_s", "s", "{:,.1f}"),
        Column("peak_mib", "peak MiB", "{:,.0f}"),
        Column("processes", "processes", "{:,.0f}"),
    ]
    notes = [
        "Whole commands with all their processes, Ray's own among them; the peak adds up what "
        "each holds, memory that they share more than once.",
        "Rows, vectors, calibration and fingerprint of all builds are "
        + ("the same, byte for byte." if same else "NOT the same."),
    ]
    tables = [
        Table("build", "A build on Ray beside a local build", columns, table_rows, notes),
        aims_table([Aim("CPU time on Ray over the local build's", ratio, at_most=1.25)]),
    ]
    return Report("scale", command, tables)


def _row(what: str, rows: int, costs: list[TreeCost]) -> Row:
    return {
        "what": what,
        "rate": Spread.from_values([rows / cost.cpu_s for cost in costs]),
        **{
            key: Spread.from_values([float(getattr(cost, key)) for cost in costs])
            for key in ("cpu_s", "wall_s", "peak_mib", "processes")
        },
    }


if __name__ == "__main__":
    main()
