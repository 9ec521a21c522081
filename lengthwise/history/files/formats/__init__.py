"""The formats that are understood, and which of them a file is."""

from pathlib import Path

from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.files.formats.base import FileRows, HistoryFormat, NumberedRow
from lengthwise.history.files.formats.csv_table import CsvTable
from lengthwise.history.files.formats.json_rows import JsonDocument, JsonLines, is_document
from lengthwise.history.files.formats.parquet import Parquet

_JSON_LINES, _PARQUET = JsonLines(), Parquet()

FORMATS: tuple[HistoryFormat, ...] = (_JSON_LINES, CsvTable(), _PARQUET)
"""A new format is a file beside this and an entry here."""

_COMPRESSIONS = (".gz", ".zst")
"""Suffixes that may follow a compressible format's own."""

_PARQUET_MAGIC = b"PAR1"
"""First bytes of such a file."""


def _suffixes() -> dict[str, HistoryFormat]:
    """Give every ending of a file's name with its format."""
    known: dict[str, HistoryFormat] = {}
    for fmt in FORMATS:
        for suffix in fmt.suffixes:
            known[suffix] = fmt
            if fmt.compressible:
                known |= {suffix + compression: fmt for compression in _COMPRESSIONS}
    return known


KNOWN_SUFFIXES = _suffixes()
"""Every ending of a file's name that says its format."""


def suffix_of(path: Path) -> str:
    """Give the known suffix with which a name ends, the longest; "" if there is none."""
    name = path.name.lower()
    return max((s for s in KNOWN_SUFFIXES if name.endswith(s)), key=len, default="")


def stem_of(path: Path) -> str:
    """Give the name without its suffix: "logs/may.jsonl.gz" is "may"."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.stem


def format_of(path: Path) -> HistoryFormat:
    """Tell the format of a file, by its suffix, or by its first bytes where that says nothing.

    Raises:
        HistoryReadError: If neither does, or the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise HistoryReadError(path, None, f"cannot be read: {error.strerror}") from error
    suffix = suffix_of(path)
    if suffix:
        return KNOWN_SUFFIXES[suffix]
    if path.name.lower().endswith((".json", ".json.gz", ".json.zst")) and is_document(path):
        return JsonDocument()
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return JsonDocument() if is_document(path) else _JSON_LINES
    if ".json" in path.suffixes:
        return _JSON_LINES
    if head.startswith(_PARQUET_MAGIC):
        return _PARQUET
    raise HistoryReadError(
        path,
        None,
        f"unknown kind of file: expected a name that ends in {', '.join(KNOWN_SUFFIXES)}",
        kind="unknown format",
    )


__all__ = [
    "FORMATS",
    "KNOWN_SUFFIXES",
    "FileRows",
    "HistoryFormat",
    "NumberedRow",
    "format_of",
    "stem_of",
    "suffix_of",
]
