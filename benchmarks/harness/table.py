"""Tables of results: kept as data, shown on a terminal or as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.harness.spread import Spread

Row = dict[str, Any]
"""Column's key to a number, a text, a truth value, a Spread, or None where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        key: Where its values lie in a row.
        title: Its head, with the unit.
        form: Format of a number, as `str.format` takes it.
        with_range: Show a Spread with its least and greatest value, not its median alone.
    """

    key: str
    title: str
    form: str = "{}"
    with_range: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table.

    Args:
        name: By which `readme` finds it.
        title: What it shows, in a line above it.
        columns: What is shown of each row, from left to right.
        rows: In order; may hold more than the columns show.
        notes: What must be known to read it.
        detail: Only for those who look closer: not in the project's README.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple[str, ...])
    detail: bool = False

    def head_to_dict(self) -> dict[str, Any]:
        """Everything but the rows, as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "columns": [asdict(column) for column in self.columns],
            "notes": list(self.notes),
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, head: Mapping[str, Any], rows: Sequence[Row]) -> "Table":
        """From JSON."""
        columns = [Column(**column) for column in head["columns"]]
        return cls(head["name"], head["title"], columns, rows, head["notes"], head["detail"])

    def to_rich(self) -> RichTable:
        """For a terminal."""
        shown = RichTable(title=self.title, title_justify="left", box=box.SIMPLE_HEAD)
        for i, column in enumerate(self.columns):
            shown.add_column(column.title, justify="right" if i else "left", no_wrap=not i)
        for row in self.rows:
            # As texts, or what stands in square brackets would be taken for a style.
            shown.add_row(*map(Text, self._cells(row)))
        return shown

    def to_markdown(self) -> str:
        """For a README."""
        lines = [
            [column.title for column in self.columns],
            ["---", *["---:"] * (len(self.columns) - 1)],
            *(self._cells(row) for row in self.rows),
        ]
        return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)

    def _cells(self, row: Row) -> list[str]:
        return [cell_text(row.get(column.key), column) for column in self.columns]


def cell_text(value: Any, column: Column) -> str:
    """A value as its column shows it."""
    if isinstance(value, Spread):
        value = value.to_dict()
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return column.form.format(value)
    middle, low, high = (column.form.format(value[key]) for key in ("median", "min", "max"))
    return f"{middle} ({low}–{high})" if column.with_range and low != high else middle


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
