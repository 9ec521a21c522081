"""A distributed build beside a local one: the same index, though a worker is killed on the way.

Runs on this machine alone, on a Ray of its own, over generated rows.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from demo.sample_history import SAMPLE_SEED, record_line, sample_history
from testbed.process_tree import ProcessTreeError, TreeCost, run_tree

ROWS = 50_000
"""Rows of the history."""

FILES = 10
"""Files that it lies in, as a log that begins a new one each day."""

COMPARED = ("rows.parquet", "vectors.faiss", "calibration.json")
"""Files of an artifact that must be the same, byte for byte."""

ACTOR_TITLE = "EncodingActor"
"""In the name of a worker's process, as Ray sets it."""

console = Console()


class KillAfterParts:
    """Picks a worker, once so many parts are there: it has begun, and is not done.

    Args:
        parts: Folder that the parts are written to.
        count: How many must be there.
    """

    def __init__(self, parts: Path, count: int) -> None:
        self._parts = parts
        self._count = count

    def __call__(self, pid: int, name: str) -> bool:  # noqa: ARG002  any worker will do
        if ACTOR_TITLE not in name:
            return False
        return len(list(self._parts.glob("parts/*.parquet"))) >= self._count


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo; what goes wrong on purpose is one line."""
    parser = argparse.ArgumentParser(prog="python -m demo.scale_demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the history")
    arguments = parser.parse_args(argv)
    try:
        with TemporaryDirectory(prefix="lengthwise-scale-") as folder:
            same = run(arguments.rows, Path(folder))
    except ProcessTreeError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(not same)


def run(rows: int, folder: Path) -> bool:
    """Build both ways and compare.

    Args:
        rows: Rows of the history.
        folder: For everything the demo writes.

    Returns:
        True if both made the same index.
    """
    console.rule(f"1. {rows:,} GENERATED rows in {FILES} files")
    history = folder / "history"
    write_history(history, rows)
    console.rule("2. The local build")
    local = build(folder / "local", "--history", str(history))
    console.rule("3. The same on Ray, a worker killed in the middle")
    parts = folder / "parts"
    victim = KillAfterParts(parts, FILES // 3)
    arguments = ["--history", str(history), "--engine", "ray", "--encoded", str(parts)]
    distributed = build(folder / "ray", *arguments, victim=victim)
    console.print(f"Worker {distributed.killed_pid} was killed, another took its place.")
    console.rule("4. One index")
    console.print(costs_table({"local": local, "Ray, a worker killed": distributed}))
    first, second = digests(folder / "local"), digests(folder / "ray")
    console.print(digests_table(first, second))
    same = first == second
    console.print("[green]The same, byte for byte.[/]" if same else "[red]They differ.[/]")
    return same


def write_history(folder: Path, rows: int) -> None:
    """Write a generated history as JSON lines, the oldest file first."""
    folder.mkdir(parents=True)
    records = sample_history(rows, SAMPLE_SEED)
    share = -(-len(records) // FILES)
    for number in range(FILES):
        lines = map(record_line, records[number * share : (number + 1) * share])
        (folder / f"day-{number:02d}.jsonl").write_bytes(b"".join(lines))


def build(out: Path, *arguments: str, victim: KillAfterParts | None = None) -> TreeCost:
    """Run `python -m index_builder build` with all that it starts."""
    command = [sys.executable, "-m", "index_builder", "build", "--out", str(out), "--json"]
    return run_tree([*command, *arguments], environment=os.environ, victim=victim)


def digests(store: Path) -> dict[str, str]:
    """SHA-256 of each compared file of a store's only version."""
    [version] = (store / "versions").iterdir()
    return {
        name: hashlib.sha256((version / name).read_bytes()).hexdigest() for name in COMPARED
    } | {"history": json.loads((version / "manifest.json").read_text())["data_fingerprint"]}


def costs_table(costs: dict[str, TreeCost]) -> Table:
    """What each build cost, with all its processes."""
    table = Table()
    for name in ("build", "seconds", "CPU seconds", "peak MiB", "processes"):
        table.add_column(name, justify="left" if name == "build" else "right")
    for name, cost in costs.items():
        figures = (f"{cost.wall_s:,.1f}", f"{cost.cpu_s:,.1f}", f"{cost.peak_mib:,.0f}")
        table.add_row(name, *figures, str(cost.processes))
    return table


def digests_table(first: dict[str, str], second: dict[str, str]) -> Table:
    """Digests side by side."""
    table = Table()
    for name in ("SHA-256 of", "local", "Ray"):
        table.add_column(name)
    for name, digest in first.items():
        table.add_row(name, digest[:16], second[name][:16])
    return table


if __name__ == "__main__":
    main()
