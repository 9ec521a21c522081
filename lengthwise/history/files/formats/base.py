"""What a file format must do."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.position import BytePosition
from lengthwise.history.files.values import Row

NumberedRow = tuple[int, Row | RowError]
"""Where the row is, from 1, and the row, or why it cannot be read (the next ones still can)."""


@dataclass(frozen=True, slots=True)
class FileRows:
    """The rows of one file, read as they are asked for.

    Args:
        rows: The rows in order.
        columns: Names of all columns, where the format knows them beforehand.
    """

    rows: Iterator[NumberedRow]
    columns: tuple[str, ...] = ()


class HistoryFormat(ABC):
    """One kind of file.

    Attributes:
        name: For people.
        suffixes: How names of such files end, in lower case, without a compression suffix.
        compressible: True if the file may lie in a gzip or zstd stream.
        unit: What the numbers of rows count: "line" or "row".
    """

    name: str
    suffixes: tuple[str, ...]
    compressible: bool = True
    unit: str = "line"

    @abstractmethod
    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:
        """Open a file for reading in bounded memory.

        Args:
            path: The file.
            needed: Columns that matter; a format may leave out others.
            position: Moved forward while rows are read.

        Raises:
            HistoryReadError: If the file, from some row on, cannot be read; now or while reading.
        """
