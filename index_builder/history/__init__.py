"""Reading histories: JSON lines, CSV and Parquet, in the forms in which logs write them."""

from index_builder.history.errors import (
    HistoryColumnError,
    HistoryEmptyError,
    HistoryReadError,
    HistoryTruncatedError,
)
from index_builder.history.options import OnError, ReadOptions
from index_builder.history.reader import History, read_history
from index_builder.history.report import ReadReport

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
