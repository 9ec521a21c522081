"""Reading the file that --answers names, or that a tool wrote beside its log."""

from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from pathlib import Path

from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats import NumberedRow, format_of
from lengthwise.history.files.formats.base import BytePosition
from lengthwise.history.files.intake.answers import ROW_NUMBER, AnswerFile, key_of
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.recognise import recognise
from lengthwise.history.files.values import Row

_LOOK_AHEAD_ROWS = 50
"""Rows from which the row schema is recognised."""


def load_answers(
    path: Path, columns: frozenset[str], options: ReadOptions
) -> tuple[AnswerFile, LogSchema | None]:
    """Read a file of answers onto the disk, by what they are joined on.

    Args:
        path: The file, in any format of a history.
        columns: Of a columnar file, those that are read beside those of the options.
        options: What joins the files, and what to do at a bad row.

    Returns:
        The answers, and how their rows are written where a tool's log was recognised.

    Raises:
        HistoryReadError: If it cannot be read, or nothing says what joins it.
    """
    rows = format_of(path).open(path, needed_columns(options) | columns, BytePosition()).rows
    ahead = list(islice(rows, _LOOK_AHEAD_ROWS))
    schema = recognise([row for _, row in ahead if not isinstance(row, RowError)], options)
    if schema is None and not options.join_on:
        raise HistoryReadError(
            path,
            None,
            "answers of no known tool: expected --join-on with a column that both files have",
        )
    return AnswerFile(_keyed(path, chain(ahead, rows), schema, options)), schema


def _keyed(
    path: Path, rows: Iterable[NumberedRow], schema: LogSchema | None, options: ReadOptions
) -> Iterator[tuple[str, Row]]:
    numbers = count(1)
    for number, row in rows:
        try:
            if isinstance(row, RowError):
                raise row
            for one in schema.unpack(row) if schema else (row,):
                yield _key(one, schema, options, numbers), one
        except RowError as error:
            if options.on_error == "stop":
                raise HistoryReadError(path, number, str(error), kind=error.kind) from error


def _key(row: Row, schema: LogSchema | None, options: ReadOptions, numbers: Iterator[int]) -> str:
    if options.join_on == ROW_NUMBER:
        return str(next(numbers))
    if options.join_on:
        return key_of(row, options.join_on)
    return schema.join_key(row) if schema else ""
