"""Rows of a file on their way to records: unpacked, joined with their answers, filtered."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lengthwise.history.files.columns import chosen_column_fault, column_fault
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.intake.answers import (
    ROW_NUMBER,
    LoadedAnswers,
    key_of,
    load_answers,
    unpacked,
)
from lengthwise.history.files.intake.where import Where
from lengthwise.history.files.left_out import COLUMNS as LEFT_OUT_COLUMNS
from lengthwise.history.files.left_out import NO_ANSWER, NOT_WHERE, LeftOut, leave_out
from lengthwise.history.files.logged.to_records import (
    leave_out_cut_prompts,
    to_records,
    without_limit,
)
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.report import ReadReport
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.registry import log_columns, recognise
from lengthwise.history.files.row_schemas.registry import ROW_SCHEMAS
from lengthwise.history.files.sources import find_files
from lengthwise.history.files.values import Row
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


class Part(NamedTuple):
    """One request's row of a row of a file.

    Args:
        row: The row, or why it cannot be read.
        suffix: Tells its id from those of the others in that row of the file.
        number: Its place among all of the history, from 1, bad ones counted too.
    """

    row: Row | RowError
    suffix: str
    number: int


class Intake:
    """What is done to every row of a history.

    Args:
        options: How rows are read, joined and filtered.
        fields: Makes records of rows, and counts what its notes tell.

    Raises:
        InvalidInputError: If a filter is none, or answers are named without what joins them.
    """

    def __init__(self, options: ReadOptions, fields: Fields) -> None:
        self.schema: LogSchema | None = None
        self._options = options
        self._fields = fields
        self._where = Where.from_text(options.where)
        self._named: LoadedAnswers | None = None
        self._beside: LoadedAnswers | None = None
        self._report = ReadReport()
        self._parts_seen = 0
        if options.join_on and not options.answers:
            raise InvalidInputError(
                f"join_on is {options.join_on!r}, but no answers are named (--answers)"
            )

    def start(self, report: ReadReport) -> None:
        """Begin a reading of all files.

        Args:
            report: Is told which answers were skipped.

        Raises:
            HistoryReadError: If the answers cannot be read.
            InvalidInputError: If they are named as several files.
        """
        self._report = report
        self._parts_seen = 0
        if self._options.answers and self._named is None:
            self._named = load_answers(
                _one_file(self._options.answers), self.columns, self._options
            )
        if self._named is not None:
            report.add_skipped(self._named.report)

    def begin_file(self, path: Path, rows: Sequence[Row]) -> LogSchema | None:
        """Recognise how the rows of a file are written, by its first ones.

        Raises:
            HistoryReadError: If the other half of its rows cannot be read.
        """
        self.schema = recognise(rows, self._options) or (self._named and self._named.schema)
        if self._beside is not None:
            self._beside.file.close()
        self._beside = None
        beside = self.schema.answers_beside if self.schema else ""
        if beside and self._named is None and (path.parent / beside).is_file():
            self._beside = load_answers(path.parent / beside, self.columns, self._options)
            self._report.add_skipped(self._beside.report)
        return self.schema

    def column_fault(self, rows: Sequence[Row], known: Sequence[str]) -> str | None:
        """Say what is wrong with the columns of a file, or None: a tool's log has its own."""
        if self._named is not None:
            return None  # a column may be in the other file
        if self.schema is not None:
            return chosen_column_fault(rows, self._options, known)
        return column_fault(rows, self._options, known=known, own=_own_columns())

    def parts(self, row: Row | RowError) -> Iterator[Part]:
        """Unpack a row of a file; where that fails, the rest of it is one fault."""
        for place, one in enumerate(unpacked(row, self.schema)):
            self._parts_seen += 1
            yield Part(one, "" if one is row else f".{place}", self._parts_seen)

    def records(self, part: Part, default_id: str) -> list[HistoryRecord]:
        """Convert a part.

        Raises:
            LeftOut: If it holds nothing to learn from.
            RowError: If it cannot be used.
        """
        row = self._joined(part)
        if not self._where.takes(row):
            raise LeftOut(NOT_WHERE)
        if self.schema is None:
            leave_out(row)
            schema = next(one for one in ROW_SCHEMAS if one.applies(row, self._fields))
            records = schema.records(row, default_id, self._fields)
        else:
            request = without_limit(self.schema.request(row))
            records = to_records(request, row, default_id, self._fields)
        leave_out_cut_prompts(records)
        return records

    def finish(self) -> None:
        """Check what only shows once all rows are read.

        Raises:
            HistoryReadError: If prompts and answers were joined by their numbers, and differ in it.
        """
        if self._options.join_on == ROW_NUMBER and self._named is not None:
            answers = self._named.report.rows
            if answers != self._parts_seen:
                raise HistoryReadError(
                    None,
                    None,
                    f"{answers:,} answers for {self._parts_seen:,} prompts, joined by their "
                    "numbers: expected as many of each",
                )

    @property
    def columns(self) -> frozenset[str]:
        """Top-level columns that matter beside those of the options."""
        names = self._where.columns | {self._options.join_on} - {ROW_NUMBER, ""}
        names |= _own_columns() | LEFT_OUT_COLUMNS
        return log_columns(self._options) | names | {name.split(".")[0] for name in names}

    def _joined(self, part: Part) -> Row:
        if isinstance(part.row, RowError):
            raise part.row
        answers = self._named or self._beside
        if answers is None:
            return part.row
        key = key_of(part.row, part.number, self.schema, self._options.join_on)
        found = answers.file.joined(part.row, key) if key else None
        if found is None:
            raise LeftOut(NO_ANSWER)
        return found


def _one_file(answers: str) -> Path:
    """Find the file that --answers names."""
    files = find_files(answers).files
    if len(files) != 1:
        raise InvalidInputError(
            f"answers is {answers!r}: expected one file, found {len(files):,} files"
        )
    return files[0]


def _own_columns() -> frozenset[str]:
    """Give the columns of row schemas under fixed names, which no option names."""
    return frozenset(column for schema in ROW_SCHEMAS for column in schema.own_columns)
