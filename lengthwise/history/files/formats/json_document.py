"""JSON documents: one array of objects, or one object, in a whole file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats.base import BytePosition, FileRows, HistoryFormat, NumberedRow
from lengthwise.history.files.formats.lines import read_lines
from lengthwise.history.files.values import Row, describe

MAX_DOCUMENT_BYTES = 2**31
"""A document is held in memory whole; a larger log is better written as JSON lines."""


class JsonDocument(HistoryFormat):
    """A file that is read only where it is named itself: folders hold other documents too."""

    suffixes = ()
    unit = "row"

    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:  # noqa: ARG002 (a document is read whole)
        """Open the file; errors come while its rows are read."""
        return FileRows(_rows(path, position))


def is_document(path: Path) -> bool:
    """Tell a document from JSON lines: an array, or an object that does not end with its line.

    Raises:
        HistoryReadError: If the file cannot be read.
    """
    for line in read_lines(path, BytePosition()):
        start = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not start:
            continue
        if start.startswith(b"["):
            return True
        try:
            json.loads(start)
        except ValueError:
            return start.startswith(b"{")
        return False
    return False


def _rows(path: Path, position: BytePosition) -> Iterator[NumberedRow]:
    chunks: list[bytes] = []
    size = 0
    for line in read_lines(path, position):
        size += len(line)
        if size > MAX_DOCUMENT_BYTES:
            raise HistoryReadError(
                path,
                None,
                f"a JSON document of over {MAX_DOCUMENT_BYTES:,} bytes: expected JSON lines",
                kind="too large a file",
            )
        chunks.append(line)
    try:
        value = json.loads(b"".join(chunks).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _fault(path, f"invalid UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        reason = f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise _fault(path, reason) from None
    except RecursionError:
        raise _fault(path, "nested too deeply") from None
    for number, row in enumerate(_items(value), 1):
        if isinstance(row, dict):
            yield number, cast("Row", row)
        else:
            yield number, RowError(f"it is {describe(row)}: expected an object", kind="bad JSON")


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _fault(path: Path, reason: str) -> HistoryReadError:
    return HistoryReadError(path, None, reason, kind="bad JSON")
