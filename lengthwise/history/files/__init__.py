"""Reading histories: JSON lines, CSV and Parquet, in the forms in which logs write them."""

from lengthwise.history.files.errors import (
    HistoryColumnError,
    HistoryEmptyError,
    HistoryReadError,
    HistoryTruncatedError,
)
from lengthwise.history.files.options import OnError, ReadOptions
from lengthwise.history.files.reader import History, read_history
from lengthwise.history.files.report import ReadReport

__all__ = [
    "History",
    "HistoryColumnError",
    "HistoryEmptyError",
    "HistoryReadError",
    "HistoryTruncatedError",
    "OnError",
    "ReadOptions",
    "ReadReport",
    "read_history",
]
