"""What a file format must do."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.values import Row

LOOK_AHEAD_ROWS = 50
"""Rows of each file from which its columns are judged, and its row schema, before any is read."""

NumberedRow = tuple[int, Row | RowError]
"""Where the row is, from 1, and the row, or why it cannot be read (the next ones still can)."""


@dataclass
class BytePosition:
    """Bytes of a history's files that have been read, as they lie on disk (compressed).

    Args:
        finished_bytes: Of the files that are done.
        file_bytes: Of the file that is being read.
    """

    finished_bytes: int = 0
    file_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All that has been read."""
        return self.finished_bytes + self.file_bytes

    def finish_file(self, size: int) -> None:
        """Count the current file as read, with its size: a tail may have been left unread."""
        self.finished_bytes += size
        self.file_bytes = 0


@dataclass(frozen=True, slots=True)
class FileRows:
    """The rows of one file, read as they are asked for.

    Args:
        rows: The rows in order, each with its number.
        columns: Names of all columns, where the format knows them beforehand.
    """

    rows: Iterator[NumberedRow]
    columns: tuple[str, ...] = ()


class HistoryFormat(ABC):
    """One kind of file.

    Attributes:
        suffixes: How names of such files end, in lower case, without a compression suffix.
        compressible: True if the file may lie in a gzip or zstd stream.
        unit: What the numbers of rows count: "line" or "row".
    """

    suffixes: tuple[str, ...]
    compressible: bool = True
    unit: str = "line"

    @abstractmethod
    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:
        """Open a file for reading in bounded memory.

        Args:
            path: The file, which has this format.
            needed: Columns that matter; a format may leave out others.
            position: Moved forward while rows are read.

        Raises:
            HistoryReadError: If the file, from some row on, cannot be read; now or while reading.
        """
