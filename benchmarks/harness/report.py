"""The report of a benchmark: tables for the terminal, the same as JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness.machine import Machine
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Row, Table

WIDTH = 100
"""Columns of the terminal that tables are laid out for, whichever it is."""

SIGNIFICANT_DIGITS = 5
"""Of each figure in the JSON."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a benchmark found.

    Args:
        benchmark: Name of the command, as in `python -m benchmarks.NAME`.
        command: The command line that made it, without paths of the machine.
        tables: The results, in the order in which they are shown.
        notes: How it was measured, a sentence or two each.
        machine: Hardware and versions that it was measured with.
        created: When it was measured: ISO 8601, in UTC.
    """

    benchmark: str
    command: str
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    machine: Machine = field(default_factory=Machine.here)
    created: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")

    def to_dict(self) -> dict[str, Any]:
        """As JSON: every row of every table in "rows", under its table's name."""
        rows = [{"table": table.name, **row} for table in self.tables for row in table.rows]
        return {
            "benchmark": self.benchmark,
            "machine": self.machine.to_dict(),
            "command": self.command,
            "created": self.created,
            "notes": list(self.notes),
            "tables": [table.head_to_dict() for table in self.tables],
            "rows": [_plain(row) for row in rows],
        }

    def show(self) -> None:
        """Print machine, command, tables and notes."""
        console = Console(width=WIDTH, highlight=False, markup=False)
        for line in [*self.machine.lines(), f"$ {self.command}", ""]:
            console.print(line)
        for table in self.tables:
            console.print(table.to_rich())
            for note in table.notes:
                console.print(note)
            console.print()
        for note in self.notes:
            console.print(f"- {note}")


def finish(report: Report, path: Path | None, summary: Mapping[str, Any] | None = None) -> None:
    """Print a report and write it, if a path is given.

    Args:
        report: What one run found.
        path: File of JSON to write; None writes none.
        summary: Figures that stand first in it, for who reads it by a program.
    """
    report.show()
    write(report, path, summary)


def write(report: Report, path: Path | None, summary: Mapping[str, Any] | None = None) -> None:
    """Write a report without printing it; see `finish`."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = {**(summary or {}), **report.to_dict()}
        path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", "utf-8")


def say(what: str) -> None:
    """Tell of progress on the error stream, apart from the result on the output stream."""
    print(f"… {what}", file=sys.stderr, flush=True)


def read_tables(data: dict[str, Any]) -> list[Table]:
    """The tables of a report that was read from JSON."""

    def rows_of(name: str) -> list[Row]:
        return [row for row in data["rows"] if row["table"] == name]

    return [Table.from_dict(head, rows_of(head["name"])) for head in data["tables"]]


def _plain(value: Any) -> Any:
    """As JSON takes it, without digits that mean nothing."""
    if isinstance(value, Spread):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return value
