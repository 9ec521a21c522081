"""Answers in a file of their own, that --answers names or a tool wrote beside its log."""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats import NumberedRow, format_of
from lengthwise.history.files.formats.base import LOOK_AHEAD_ROWS, BytePosition
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.report import ReadReport
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.registry import recognise
from lengthwise.history.files.values import Row, is_absent, label, lookup, text

ROW_NUMBER = "row-number"
"""Value of --join-on: the first answer belongs to the first prompt, and so on."""

OTHER_HALF = "answers"
"""Where a joined row holds the whole row of the other file: "answers.id"."""


class AnswerFile:
    """Rows of the answers' file by what they are joined on, on disk: both files may be large.

    Args:
        rows: Key and row of every answer; of several with one key the last counts.
    """

    def __init__(self, rows: Iterable[tuple[str, Row]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lengthwise-answers-")
        self._base = sqlite3.connect(Path(self._folder.name) / "answers.db")
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, row TEXT) WITHOUT ROWID")
        self._base.executemany(
            "INSERT OR REPLACE INTO answers VALUES (?, ?)",
            ((key, json.dumps(dict(row), default=_as_json)) for key, row in rows if key),
        )

    def joined(self, row: Row, key: str) -> Row | None:
        """Add the answer's columns to a row; None if there is no answer.

        Where both have a column, the row keeps its own, and the other's is at "answers.NAME".
        """
        found = self._base.execute("SELECT row FROM answers WHERE key = ?", (key,)).fetchone()
        if found is None:
            return None
        answer: dict[str, Any] = json.loads(found[0])
        return {**answer, **row, OTHER_HALF: answer}

    def close(self) -> None:
        """Remove what is on disk."""
        self._base.close()
        self._folder.cleanup()


def key_of(row: Row, number: int, schema: LogSchema | None, join_on: str) -> str:
    """Give what a row is joined by; "" if by nothing.

    Args:
        row: A prompt's or an answer's.
        number: Its place among those, bad ones counted too.
        schema: How it is written, where it is of a tool's log.
        join_on: What --join-on says; "" goes by the schema.

    Raises:
        RowError: If it is missing, or no text or number.
    """
    if join_on == ROW_NUMBER:
        return str(number)
    if not join_on:
        return text(schema.join_key(row) if schema else "", "its id", kind="nothing to join on")
    value = lookup(row, join_on)
    if is_absent(value):
        raise RowError(f"no {join_on} to join on (--join-on)", kind="nothing to join on")
    return label(value, join_on, kind="nothing to join on")


def _as_json(value: object) -> str:
    """Write what JSON has no word for; binary columns hold texts, like those of a history."""
    if isinstance(value, bytes):
        # Invalid bytes become lone surrogates, which are refused if their column is read.
        return value.decode("utf-8", "surrogateescape")
    return str(value)


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
