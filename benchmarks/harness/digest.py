"""The few results that stand on a page of prose, one line each, out of committed results.

A line picks rows of tables by their keys and puts their values into its cells, so that no figure
on such a page is typed by hand.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Pick:
    """One row of a committed table.

    Args:
        results: The file that holds it, in the folder of results, without ".json".
        table: Name of the table in that file.
        where: The row is the first whose values under these keys are these.
    """

    results: str
    table: str
    where: Mapping[str, Any]

    def row(self, folder: Path) -> dict[str, Any]:
        """Read it.

        Args:
            folder: The folder of results.

        Raises:
            FileNotFoundError: If there are no such results.
            LookupError: If the table has no such row.
        """
        path = folder / f"{self.results}.json"
        wanted = {"table": self.table, **self.where}
        for row in json.loads(path.read_text("utf-8"))["rows"]:
            if wanted.items() <= {key: row.get(key) for key in wanted}.items():
                return row
        raise LookupError(
            f"{path.name} has no row with {wanted}: mend the pick in benchmarks/harness/digest"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a digest.

    Args:
        cells: In the order of the digest's heads: format strings whose fields are the rows'
            names, as "{ours[mae]:.0f} tokens".
        rows: The rows by those names.
    """

    cells: Sequence[str]
    rows: Mapping[str, Pick] = field(default_factory=dict[str, Pick])

    def to_cells(self, folder: Path) -> list[str]:
        """The cells with their figures, from a folder of results."""
        found = {name: pick.row(folder) for name, pick in self.rows.items()}
        return [cell.format(**found) for cell in self.cells]


@dataclass(frozen=True, slots=True)
class Digest:
    """A small table.

    Args:
        heads: Of its columns; all are aligned to the left, since they hold sentences.
        lines: In order.
        note: What must be known to read it.
    """

    heads: Sequence[str]
    lines: Sequence[Line]
    note: str = ""

    def to_markdown(self, folder: Path) -> str:
        """The table, and its note.

        Args:
            folder: The folder of results.

        Raises:
            FileNotFoundError: If results that it needs are not there.
            LookupError: If a table lacks a row that it needs.
        """
        lines = [self.heads, ["---"] * len(self.heads)]
        lines += [line.to_cells(folder) for line in self.lines]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"{table}\n\n{self.note}" if self.note else table
