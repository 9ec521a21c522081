"""A history: files in, records out, streaming."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import structlog

from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.errors import (
    HistoryColumnError,
    HistoryEmptyError,
    HistoryReadError,
    RowError,
)
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.formats import HistoryFormat, NumberedRow, format_of, stem_of
from lengthwise.history.files.formats.base import LOOK_AHEAD_ROWS, BytePosition
from lengthwise.history.files.intake.rows import Intake, Part
from lengthwise.history.files.left_out import LeftOut
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.report import ReadReport, notes_of
from lengthwise.history.files.sources import FoundFiles, find_files
from lengthwise.history.fingerprint import RecordHash
from lengthwise.index.record import HistoryRecord

_NAMES_LOGGED = 10
"""Of ignored files, in one line of the log; their number is told as well."""

log = structlog.get_logger(__name__)


class History:
    """The records of one or many files, iterated in bounded memory as often as wanted.

    Args:
        found: The files to read, in their order.
        options: Names of columns, and what to do at a bad row.
    """

    def __init__(self, found: FoundFiles, options: ReadOptions) -> None:
        self.files = found.files
        self.options = options
        self.total_bytes = sum(path.stat().st_size for path in self.files)
        self.report = ReadReport()
        self._position = BytePosition()
        self._hash = RecordHash()
        self._fields = Fields(options)
        self._intake = Intake(options, self._fields)

    @classmethod
    def from_paths(
        cls, sources: Sequence[str | Path] | str | Path, options: ReadOptions | None = None
    ) -> "History":
        """Find the files of a history; nothing is read yet.

        Args:
            sources: Files, folders and globs, one or several.
            options: Names of columns, and what to do at a bad row; the defaults if None.

        Raises:
            HistoryReadError: If a source leads to no file.
        """
        found = find_files(sources)
        if found.ignored:
            log.warning(
                "history.files_ignored",
                count=len(found.ignored),
                files=[str(path) for path in found.ignored[:_NAMES_LOGGED]],
            )
        return cls(found, options or ReadOptions())

    @property
    def position_bytes(self) -> int:
        """Bytes read so far, of `total_bytes`."""
        return self._position.total_bytes

    @property
    def fingerprint(self) -> str:
        """That of the records read so far, see `RecordHash`."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[HistoryRecord]:
        """Read from the start; report, position and fingerprint start anew.

        Raises:
            HistoryReadError: At the first fault under "stop"; at wrong columns, or if no row is
                usable, always.
        """
        for records in self.by_file():
            yield from records

    def by_file(self) -> Iterator[Iterator[HistoryRecord]]:
        """Read from the start, the records of each file apart.

        Each file's are to be taken before those of the next are asked for.

        Raises:
            HistoryReadError: As when the history is iterated.
        """
        self.report = ReadReport()
        self._position = BytePosition()
        self._hash = RecordHash()
        self._fields.start()
        self._intake.start(self.report)
        for path in self.files:
            yield self._counted(path)
            self._position.finish_file(path.stat().st_size)
        self._intake.finish()
        self.report.notes = notes_of(self._fields)
        if not self.report.records:
            raise self._empty()

    def _counted(self, path: Path) -> Iterator[HistoryRecord]:
        for record in self._read_file(path):
            self.report.records += 1
            self._hash.update(record)
            yield record

    def _read_file(self, path: Path) -> Iterator[HistoryRecord]:
        """Read one file; where it cannot be read on, the rest of it is one fault."""
        try:
            fmt, stem = format_of(path), stem_of(path)
            for number, part in self._parts(path, fmt):
                self.report.rows += 1
                try:
                    records = self._intake.records(part, f"{stem}:{number}{part.suffix}")
                except LeftOut as left:
                    self.report.left_out[left.cause] += 1
                except RowError as error:
                    self._refuse(
                        HistoryReadError(path, number, str(error), kind=error.kind, unit=fmt.unit),
                        error,
                    )
                else:
                    yield from records
        except HistoryColumnError:
            raise
        except HistoryReadError as error:
            self._refuse(error, error.__cause__)

    def _parts(self, path: Path, fmt: HistoryFormat) -> Iterator[tuple[int, Part]]:
        for number, row in self._checked_rows(path, fmt):
            for part in self._intake.parts(row):
                yield number, part

    def _checked_rows(self, path: Path, fmt: HistoryFormat) -> Iterator[NumberedRow]:
        """Give the rows of a file once its columns are known to be those that are wanted."""
        needed = needed_columns(self.options) | self._intake.columns
        file = fmt.open(path, needed, self._position)
        ahead: list[NumberedRow] = []
        fault: HistoryReadError | None = None
        try:
            for numbered in islice(file.rows, LOOK_AHEAD_ROWS):
                ahead.append(numbered)  # noqa: PERF402 (list() would lose the rows before a fault)
        except HistoryReadError as error:
            fault = error
        readable = [row for _, row in ahead if not isinstance(row, RowError)]
        schema = self._intake.begin_file(path, readable)
        if readable:
            if schema:
                self.report.recognised(schema.title)
            reason = self._intake.column_fault(readable, file.columns)
            if reason:
                raise HistoryColumnError(path, None, reason, kind="wrong columns")
        yield from ahead
        if fault is not None:
            raise fault
        yield from file.rows

    def _refuse(self, error: HistoryReadError, cause: BaseException | None) -> None:
        """Stop at the fault, or count it, as the options say."""
        if self.options.on_error == "stop":
            raise error from cause
        self.report.skip(error)

    def _empty(self) -> HistoryEmptyError:
        path = self.files[0] if len(self.files) == 1 else None
        where = "" if path else f"{len(self.files)} files: "
        if not self.report.total_skipped and self.report.left_out:
            return HistoryEmptyError(path, None, f"{where}no usable row: {self.report.summary()}")
        if not self.report.total_skipped:
            return HistoryEmptyError(path, None, f"{where}no rows: nothing to learn from")
        return HistoryEmptyError(
            path,
            None,
            f"{where}no usable row: {self.report.total_skipped:,} skipped "
            f"({self.report.reasons()}); the first: {self.report.examples[0]}",
        )


def read_history(
    sources: Sequence[str | Path] | str | Path, options: ReadOptions | None = None
) -> Iterator[HistoryRecord]:
    """Read the records of a history, for callers who need neither progress nor report.

    Args:
        sources: Files, folders and globs, one or several.
        options: Names of columns, and what to do at a bad row; the defaults if None.

    Raises:
        HistoryReadError: See `History`.
    """
    return iter(History.from_paths(sources, options))
