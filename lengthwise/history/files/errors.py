"""What can go wrong when a history is read. No message ever holds the text of a prompt.

InvalidInputError
├── RowError                    one row cannot be used; the reader adds the file and the line
└── HistoryReadError            the same with its place: path, line, reason
    ├── HistoryTruncatedError   the file ends in the middle of its own structure
    ├── HistoryColumnError      the columns are not those that the options name: never skipped
    └── HistoryEmptyError       nothing to learn from
"""

from pathlib import Path

from lengthwise.index.errors import InvalidInputError


class RowError(InvalidInputError):
    """One row that cannot be used.

    Args:
        reason: What was expected and what came, for people.
        kind: A short fixed name to count by, such as "bad output_tokens".
    """

    def __init__(self, reason: str, *, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


class HistoryReadError(InvalidInputError):
    """A history that cannot be read, with its place.

    Args:
        path: The file; None where no single file is at fault.
        line: Line of the file (row number in Parquet), from 1; None for the file as a whole.
        reason: What was expected and what came, for people.
        kind: A short fixed name to count by.
        unit: "line" or "row": what `line` counts.
    """

    def __init__(
        self,
        path: Path | None,
        line: int | None,
        reason: str,
        *,
        kind: str = "unreadable file",
        unit: str = "line",
    ) -> None:
        place = "" if path is None else f"{path}: "
        if path is not None and line is not None:
            place = f"{path}, {unit} {line}: "
        super().__init__(place + reason)
        self.path = path
        self.line = line
        self.reason = reason
        self.kind = kind


class HistoryTruncatedError(HistoryReadError):
    """A file that ends in the middle of its own structure; `line` is its last whole line."""


class HistoryColumnError(HistoryReadError):
    """The columns are not those that the options name: skipping rows would not help."""


class HistoryEmptyError(HistoryReadError):
    """Not one usable row."""
