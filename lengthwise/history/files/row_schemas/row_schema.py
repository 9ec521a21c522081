"""What a form of row must do."""

from typing import Protocol

from lengthwise.history.files.fields import Fields
from lengthwise.history.files.values import Row
from lengthwise.index.record import HistoryRecord


class Form(Protocol):
    """One way in which a log writes down a prompt and the length of its answer."""

    def applies(self, row: Row, fields: Fields) -> bool:
        """Tell if the row is of this form."""
        ...

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert the row, at least to one record.

        Args:
            row: The row.
            default_id: Its id if it has none.
            fields: Reads fields by the names of the options.

        Raises:
            RowError: If it cannot be used.
        """
        ...
