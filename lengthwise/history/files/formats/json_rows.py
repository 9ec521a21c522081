"""JSON: an object in each line, or a whole file that is one array of objects or one object."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.formats.base import BytePosition, FileRows, HistoryFormat, NumberedRow
from lengthwise.history.files.formats.lines import read_lines
from lengthwise.history.files.values import Row, describe

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors begin UTF-8 files with it; it belongs to no row."""


class JsonLines(HistoryFormat):
    """One JSON object per line, plain, .gz or .zst; empty lines are passed over."""

    suffixes = (".jsonl", ".ndjson", ".json-lines", ".jsonlines")

    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:  # noqa: ARG002 (whole lines are parsed)
        """Open the file; errors come while its rows are read."""
        return FileRows(_line_rows(path, position))


def _line_rows(path: Path, position: BytePosition) -> Iterator[NumberedRow]:
    for number, line in enumerate(read_lines(path, position), 1):
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901
        if line.strip():
            try:
                yield number, _parse(line)
            except RowError as error:
                yield number, error


def _parse(line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RowError(
            f"invalid UTF-8 at byte {error.start + 1} of the line", kind="bad UTF-8"
        ) from None  # the cause would carry the text
    except json.JSONDecodeError as error:
        raise _syntax_fault(line, error) from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"not valid JSON: {type(error).__name__}", kind="bad JSON") from None
    if not isinstance(value, dict):
        raise RowError(f"the line is {describe(value)}: expected an object", kind="bad JSON")
    return value


def _syntax_fault(line: bytes, error: json.JSONDecodeError) -> RowError:
    if line.strip() == b"[":
        return RowError(
            "the line opens a JSON array: expected one object in each line (see jq -c '.[]')",
            kind="bad JSON",
        )
    if not line.endswith(b"\n"):  # only the file's last line can lack it
        return RowError(
            f"the file ends in the middle of this row, after {len(line):,} bytes of it: "
            "it was cut off",
            kind="cut-off row",
        )
    return RowError(f"not valid JSON at column {error.colno}: {error.msg}", kind="bad JSON")


MAX_DOCUMENT_BYTES = 2**31
"""A document is held in memory whole; a larger log is better written as JSON lines."""


class JsonDocument(HistoryFormat):
    """A file that is read only where it is named itself: folders hold other documents too."""

    suffixes = ()
    unit = "row"

    def open(self, path: Path, needed: frozenset[str], position: BytePosition) -> FileRows:  # noqa: ARG002 (a document is read whole)
        """Open the file; errors come while its rows are read."""
        return FileRows(_document_rows(path, position))


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


def _document_rows(path: Path, position: BytePosition) -> Iterator[NumberedRow]:
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
