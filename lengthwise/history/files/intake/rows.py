"""Rows of a file on their way to records: unpacked, joined with their answers, filtered."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from lengthwise.history.files.columns import chosen_column_fault, column_fault
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.intake.answers import ROW_NUMBER, AnswerFile, key_of
from lengthwise.history.files.intake.load_answers import load_answers
from lengthwise.history.files.intake.where import Where
from lengthwise.history.files.left_out import NO_ANSWER, NOT_WHERE, LeftOut, leave_out
from lengthwise.history.files.logged.to_records import (
    leave_out_cut_prompts,
    to_records,
    without_limit,
)
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.recognise import log_columns, recognise
from lengthwise.history.files.row_schemas.registry import ROW_SCHEMAS
from lengthwise.history.files.sources import find_files
from lengthwise.history.files.values import Row
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


class Part(NamedTuple):
    """One request's row of a row of a file, and what tells its id from those of the others."""

    row: Row | RowError
    suffix: str


class Intake:
    """What is done to every row of a history.

    Args:
        options: How rows are read, joined and filtered.
        fields: Makes the records.

    Raises:
        InvalidInputError: If a filter is none, or answers are named without what joins them.
    """

    def __init__(self, options: ReadOptions, fields: Fields) -> None:
        self.schema: LogSchema | None = None
        self._options = options
        self._fields = fields
        self._where = Where.from_text(options.where)
        self._named: AnswerFile | None = None
        self._answers_schema: LogSchema | None = None
        self._beside: AnswerFile | None = None
        self._row_numbers = count(1)
        self._rows_joined = 0
        if options.join_on and not options.answers:
            raise InvalidInputError(
                f"join_on is {options.join_on!r}, but no answers are named (--answers)"
            )

    def start(self) -> None:
        """Begin a reading of all files."""
        self._row_numbers = count(1)
        self._rows_joined = 0
        if self._options.answers and self._named is None:
            path = find_files(self._options.answers).files[0]
            self._named, self._answers_schema = load_answers(path, self.columns, self._options)

    def begin_file(self, path: Path, rows: Sequence[Row]) -> LogSchema | None:
        """Recognise how the rows of a file are written, by its first ones.

        Raises:
            HistoryReadError: If the other half of its rows cannot be read.
        """
        self.schema = recognise(rows, self._options) or self._answers_schema
        self._beside = None
        beside = self.schema.answers_beside if self.schema else ""
        if beside and self._named is None and (path.parent / beside).is_file():
            self._beside, _ = load_answers(path.parent / beside, self.columns, self._options)
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
        if isinstance(row, RowError) or self.schema is None:
            yield Part(row, "")
            return
        rows = iter(self.schema.unpack(row))
        place = 0
        try:
            for place, one in enumerate(rows):
                yield Part(one, "" if one is row else f".{place}")
        except RowError as error:
            yield Part(error, f".{place}")

    def records(self, row: Row, default_id: str) -> list[HistoryRecord]:
        """Convert a part.

        Raises:
            LeftOut: If it holds nothing to learn from.
            RowError: If it cannot be used.
        """
        row = self._joined(row)
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
            answers = len(self._named)
            if answers != self._rows_joined:
                raise HistoryReadError(
                    None,
                    None,
                    f"{answers:,} answers for {self._rows_joined:,} prompts, joined by their "
                    "numbers: expected as many of each",
                )

    @property
    def columns(self) -> frozenset[str]:
        """Top-level columns that matter beside those of the options."""
        names = self._where.columns | {self._options.join_on} - {ROW_NUMBER, ""}
        names |= _own_columns()
        return log_columns(self._options) | names | {name.split(".")[0] for name in names}

    def _joined(self, row: Row) -> Row:
        answers = self._named or self._beside
        if answers is None:
            return row
        self._rows_joined += 1
        key = self._key(row, self.schema)
        found = answers.joined(row, key) if key else None
        if found is None:
            raise LeftOut(NO_ANSWER)
        return found

    def _key(self, row: Row, schema: LogSchema | None) -> str:
        join_on = self._options.join_on
        if join_on == ROW_NUMBER:
            return str(next(self._row_numbers))
        if join_on:
            return key_of(row, join_on)
        return schema.join_key(row) if schema else ""


def _own_columns() -> frozenset[str]:
    """Give the columns of row schemas under fixed names, which no option names."""
    return frozenset(column for schema in ROW_SCHEMAS for column in schema.own_columns)
