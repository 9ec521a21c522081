"""CSV: a header line, then a row for each line; quoted cells may hold line ends."""

import csv
from collections.abc import Iterator
from pathlib import Path

from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats.base import BytePosition, FileRows, HistoryFormat, NumberedRow
from lengthwise.history.files.formats.lines import read_lines
from lengthwise.history.files.values import Row, describe_names
from lengthwise.index.record import MAX_PROMPT_CHARS

# csv refuses cells over 131,072 characters: too few for a long context. The limit is global to
# the module, so it is lifted once and never put back.
csv.field_size_limit(4 * MAX_PROMPT_CHARS)


class CsvTable(HistoryFormat):
    """Comma-separated, plain, .gz or .zst; an empty cell counts as absent."""

    suffixes = (".csv",)

    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:  # noqa: ARG002 (whole lines are parsed)
        """Open the file; errors come while its rows are read."""
        return FileRows(_rows(path, position))


def _rows(path: Path, position: BytePosition) -> Iterator[NumberedRow]:
    # Invalid bytes become lone surrogates here and are refused with their row: an error raised
    # inside the csv reader would end it, and a bad row must not hide the good ones after it.
    lines = (line.decode("utf-8", "surrogateescape") for line in read_lines(path, position))
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, _csv_fault(error)
            continue
        if cells is None:
            return
        if header is None:
            header = _header(cells, path)
        elif cells:
            yield number, _row(header, cells)


def _csv_fault(error: csv.Error) -> RowError:
    if "unexpected end of data" in str(error):
        return RowError("the file ends inside a quoted cell: it was cut off", kind="cut-off row")
    return RowError(f"not valid CSV: {error}", kind="bad CSV")


def _header(cells: list[str], path: Path) -> list[str]:
    if cells:
        cells[0] = cells[0].removeprefix("\ufeff")
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        raise HistoryReadError(path, 1, f"the header has columns twice: {describe_names(twice)}")
    return cells


def _row(header: list[str], cells: list[str]) -> Row | RowError:
    if len(cells) != len(header):
        return RowError(
            f"{len(cells)} cells for {len(header)} columns in the header", kind="bad CSV"
        )
    for name, cell in zip(header, cells, strict=True):
        if not cell.isascii() and not _is_unicode(cell):
            return RowError(f"{describe_names([name])} holds invalid UTF-8", kind="bad UTF-8")
    return {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _is_unicode(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
