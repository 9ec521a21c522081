"""Commits to a database, of texts or of vectors alone."""

from collections.abc import Callable, Sequence

from lengthwise.history.database.completion import Report
from lengthwise.history.database.errors import FullError, HistoryError, UnavailableError
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.record import HistoryRecord
from predictor_service.completions.completion_store import Stored
from predictor_service.errors import (
    CallError,
    InternalFailureError,
    NotServingError,
    OverloadedError,
)

MakeReport = Callable[[Sequence[HistoryRecord]], Report]
"""Decides what of some completions is stored."""


class DatabaseLog:
    """A database as group commit writes to it. Blocking: one thread at a time.

    Args:
        writer: Opened by the caller; closed by `close`.
        make_report: What of the completions is stored.
    """

    def __init__(self, writer: HistoryWriter, make_report: MakeReport = Report) -> None:
        self._writer = writer
        self._make_report = make_report

    def append(self, reports: Sequence[Sequence[HistoryRecord]]) -> list[Stored]:
        """Store several reports in one transaction; see `CommitLog.append`.

        Raises:
            CallError: None of them is stored.
        """
        made = [self._make_report(records) for records in reports]
        try:
            appended = self._writer.append(made)
        except HistoryError as error:
            raise refusal(error) from error
        return [Stored(len(one.new), one.duplicates, one.new) for one in appended]

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def refusal(error: HistoryError) -> CallError:
    """What a caller is told whose completions could not be written."""
    if isinstance(error, FullError):
        return OverloadedError(
            f"completions cannot be stored: {error}; none of this report was kept, report it "
            "again later"
        )
    if isinstance(error, UnavailableError):
        return NotServingError(
            f"completions cannot be stored now: {error}; report them again, which does no harm "
            "if they were stored after all"
        )
    return InternalFailureError(
        f"completions cannot be stored: {error}; none of this report was kept"
    )
