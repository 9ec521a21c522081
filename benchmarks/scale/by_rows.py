"""Long histories beside short ones: `python -m benchmarks.scale.by_rows`.

What an index of so many rows takes to make, to rebuild and to load, each in a process of its own,
and what a look-up in a table of repeats takes. The rows are made: see `long_history`.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.raw_encoder import ready_encoder
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import DAVINCI, read_records
from benchmarks.scale.long_history import Material
from benchmarks.scale.repeats import measure_repeats
from benchmarks.search.grown_vectors import VectorCache
from lengthwise.index.store.checked import SETTLED_S
from lengthwise.index.store.manifest import EncoderIdentity

SIZES = (10_000, 100_000, 1_000_000)
"""Rows of the histories."""

QUICK_SIZES = (1_000, 6_000)
"""The same with --quick."""

PROMPTS = 40_000
"""Real prompts that the rows are made of: a million made of 10,000 lie too evenly for cells."""

NEW_ROWS = 2_000
"""Completions that a rebuild takes in."""

CHILD = "benchmarks.scale.index_child"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("scale.by_rows", "Indexes of long histories beside short ones.", repeats=1)
    parser.add_argument("--cache", type=Path, help="keep embeddings in this folder between runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of the histories")
    options = parsed(parser, argv)
    sizes = QUICK_SIZES if options.quick else options.sizes
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        say("reading and embedding")
        _prepare(folder / "material", options.data, options.cache)
        found = [_measure(folder, size, options.repeats) for size in sizes]
        say("looking up repeats")
        repeats = measure_repeats(sizes[-1], folder, max(3, options.repeats))
    finish(_report(options.command, found, repeats), options.json)


def _prepare(folder: Path, data: Path, cache: Path | None) -> None:
    tokens = {record.prompt: record.output_tokens for record in read_records(data, DAVINCI)}
    prompts = list(tokens)[:PROMPTS]
    encoder = ready_encoder(prompts)
    vectors = VectorCache(cache, encoder).embed(prompts)
    identity = EncoderIdentity.from_encoder(encoder)
    Material.prepare(folder, prompts, [tokens[p] for p in prompts], vectors, identity)


@dataclass(frozen=True, slots=True)
class Measured:
    """An index of so many rows, one value for each repeat."""

    rows: int
    values: dict[str, list[float]]

    def to_row(self) -> Row:
        """As the table has it."""
        spreads = {key: Spread.from_values(values) for key, values in self.values.items()}
        return {"rows": self.rows, **spreads}


def _measure(folder: Path, rows: int, repeats: int) -> Measured:
    store = folder / f"store-{rows}"
    values: dict[str, list[float]] = defaultdict(list)
    for number in range(repeats):
        say(f"{rows:,} rows, round {number + 1} of {repeats}: build, start, rebuild")
        built = _child("build", folder, store, rows)
        values["index_cpu_s"].append(built["index_cpu_s"] + built["calibrate_cpu_s"])
        values["build_mib"].append(built["peak_mib"])
        time.sleep(SETTLED_S)
        _child("start", folder, store, 0)  # reads the hashes, once for each copy
        started = _child("start", folder, store, 0)
        rebuilt = _child("rebuild", folder, store, NEW_ROWS)
        for key, found, name in (
            ("start_s", started, "start_s"),
            ("start_cpu_s", started, "start_cpu_s"),
            ("start_mib", started, "peak_mib"),
            ("rebuild_cpu_s", rebuilt, "round_cpu_s"),
            ("rebuild_mib", rebuilt, "peak_mib"),
        ):
            values[key].append(found[name])
    return Measured(rows, values)


def _child(what: str, folder: Path, store: Path, rows: int) -> dict[str, Any]:
    arguments = [what, str(folder / "material"), str(store), str(rows)]
    command = [sys.executable, "-m", CHILD, *arguments]
    return json.loads(
        subprocess.run(command, check=True, capture_output=True, env=os.environ).stdout
    )


def _report(command: str, found: list[Measured], repeats: list[Row]) -> Report:
    columns = [
        Column("rows", "rows", "{:,}"),
        Column("index_cpu_s", "index CPU s", "{:,.1f}"),
        Column("build_mib", "build peak MiB", "{:,.0f}"),
        Column("rebuild_cpu_s", "rebuild CPU s", "{:,.1f}"),
        Column("rebuild_mib", "rebuild peak MiB", "{:,.0f}"),
        Column("start_s", "start s", "{:,.1f}"),
        Column("start_cpu_s", "start CPU s", "{:,.1f}"),
        Column("start_mib", "start peak MiB", "{:,.0f}"),
    ]
    notes = [
        "Rows of 20 LLMs, made of 40,000 real prompts, each with a vector of 384 numbers. Index: "
        "cells, codes, fit and evaluation, without reading and encoding. Rebuild: a whole round "
        "over 2,000 new completions, both of its builds and the encoding of what is new. Start: "
        "imports, encoder, index, first prediction. Peaks are of resident memory, mapped files "
        "included."
    ]
    looked_up = [
        Column("lengths", "lengths in the table", "{:,}"),
        Column("batch", "queries at once", "{:,}"),
        Column("us", "CPU µs a query", "{:,.1f}", with_range=True),
        Column("bytes", "bytes a length", "{:,.1f}"),
    ]
    tables = [
        Table("rows", "Indexes of long histories", columns, [one.to_row() for one in found], notes),
        Table("repeats", "Repeats looked up by their hash", looked_up, repeats, []),
        aims_table(_aims(found)),
    ]
    return Report("scale_by_rows", command, tables)


def _aims(found: list[Measured]) -> list[Aim]:
    first, before, last = found[0], found[-2], found[-1]
    peak = Spread.from_values(last.values["rebuild_mib"])
    of_before = ratio_spread(last.values["index_cpu_s"], before.values["index_cpu_s"])
    of_first = ratio_spread(last.values["start_s"], first.values["start_s"])
    return [
        Aim(f"MiB of a rebuild of {last.rows:,} rows", peak, at_most=4_096, form="{:,.0f}"),
        Aim(f"CPU time to index {last.rows:,} rows over {before.rows:,}", of_before, at_most=12),
        Aim(f"start with {last.rows:,} rows over {first.rows:,}", of_first, at_most=2),
    ]


if __name__ == "__main__":
    main()
