"""Reading the file that --answers names, or that a tool wrote beside its log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats import NumberedRow, format_of
from lengthwise.history.files.formats.base import LOOK_AHEAD_ROWS, BytePosition
from lengthwise.history.files.intake.answers import AnswerFile, key_of
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.report import ReadReport
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.recognise import recognise
from lengthwise.history.files.values import Row


@dataclass(frozen=True, slots=True)
class LoadedAnswers:
    """A file of answers, read.

    Args:
        file: Those that can be joined.
        schema: How their rows are written, where a tool's log was recognised.
        report: How many rows there were, and which of them were skipped.
    """

    file: AnswerFile
    schema: LogSchema | None
    report: ReadReport


def load_answers(path: Path, columns: frozenset[str], options: ReadOptions) -> LoadedAnswers:
    """Read a file of answers onto the disk, by what they are joined on.

    Args:
        path: The file, in any format of a history.
        columns: Of a columnar file, those that are read beside those of the options.
        options: What joins the files, and what to do at a bad row.

    Raises:
        HistoryReadError: If it cannot be read, or nothing says what joins it.
    """
    fmt = format_of(path)
    rows = fmt.open(path, needed_columns(options) | columns, BytePosition()).rows
    ahead = list(islice(rows, LOOK_AHEAD_ROWS))
    schema = recognise([row for _, row in ahead if not isinstance(row, RowError)], options)
    if schema is None and not options.join_on:
        raise HistoryReadError(
            path,
            None,
            "answers of no known tool: expected --join-on with a column that both files have",
        )
    report = ReadReport()
    keyed = _keyed(chain(ahead, rows), schema, options, report=report, path=path, unit=fmt.unit)
    return LoadedAnswers(AnswerFile(keyed), schema, report)


def _keyed(
    rows: Iterable[NumberedRow],
    schema: LogSchema | None,
    options: ReadOptions,
    *,
    report: ReadReport,
    path: Path,
    unit: str,
) -> Iterator[tuple[str, Row]]:
    for number, row in rows:
        for one in unpacked(row, schema):
            report.rows += 1
            try:
                if isinstance(one, RowError):
                    raise one
                yield key_of(one, report.rows, schema, options.join_on), one
            except RowError as error:
                fault = HistoryReadError(path, number, str(error), kind=error.kind, unit=unit)
                if options.on_error == "stop":
                    raise fault from error
                report.skip(fault)


def unpacked(row: Row | RowError, schema: LogSchema | None) -> Iterator[Row | RowError]:
    """Give the rows of requests in a row of a file; where that fails, the rest is one fault."""
    if isinstance(row, RowError) or schema is None:
        yield row
        return
    try:
        yield from schema.unpack(row)
    except RowError as error:
        yield error
