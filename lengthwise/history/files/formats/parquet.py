"""Parquet, read by batches of rows and only in the columns that matter."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats.base import BytePosition, FileRows, HistoryFormat, NumberedRow
from lengthwise.index.errors import MissingExtraError

_BATCH_ROWS = 1024
"""Rows turned into Python objects at a time."""


class Parquet(HistoryFormat):
    """A Parquet file; rows are numbered from 1."""

    suffixes = (".parquet", ".pq")
    compressible = False
    unit = "row"

    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:
        """Read the file's schema; rows come by batches.

        Raises:
            HistoryReadError: If its footer cannot be read.
            MissingExtraError: If pyarrow is not installed.
        """
        try:
            import pyarrow.parquet as pq  # noqa: PLC0415 (slow, and only this format needs it)
        except ImportError as error:
            raise MissingExtraError.for_module("pyarrow", "index") from error
        try:
            file = pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False)
        except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
            raise _fault(path, None, error) from error
        columns: tuple[str, ...] = tuple(file.schema_arrow.names)
        return FileRows(_rows(file, path, needed, position), columns)


def _rows(
    file: Any, path: Path, needed: frozenset[str], position: BytePosition
) -> Iterator[NumberedRow]:
    size, total = path.stat().st_size, file.metadata.num_rows
    # By index, since a name with a dot in it would be taken for a path into a struct.
    columns = [name for name in file.schema_arrow.names if name in needed]
    number = 0
    with file:
        try:
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                for row in _batch_rows(batch):
                    number += 1
                    yield number, row
                position.file_bytes = size * number // total
        except (OSError, ValueError) as error:
            raise _fault(path, number or None, error) from error


def _batch_rows(batch: Any) -> Iterator[Any]:
    """Convert a batch at once, or row by row if one of its texts is invalid UTF-8."""
    with suppress(UnicodeDecodeError):
        yield from batch.to_pylist()
        return
    for position in range(batch.num_rows):
        try:
            yield batch.slice(position, 1).to_pylist()[0]
        except UnicodeDecodeError:
            yield RowError("a text is invalid UTF-8", kind="bad UTF-8")


def _fault(path: Path, number: int | None, error: Exception) -> HistoryReadError:
    if isinstance(error, OSError) and error.errno is not None:
        return HistoryReadError(path, None, f"cannot be read: {error.strerror}")
    # pyarrow's own words: they name sizes and offsets, never values.
    reason = f"not a whole Parquet file: {str(error).splitlines()[0]}"
    return HistoryReadError(path, number, reason, kind="damaged file", unit="row")
