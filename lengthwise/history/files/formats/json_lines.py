"""JSON lines: an object in each line."""

import json
from collections.abc import Iterator
from pathlib import Path

from lengthwise.history.files.errors import RowError
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
        return FileRows(_rows(path, position))


def _rows(path: Path, position: BytePosition) -> Iterator[NumberedRow]:
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
