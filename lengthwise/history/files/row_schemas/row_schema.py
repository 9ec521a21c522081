"""What a row schema must do."""

from abc import ABC, abstractmethod
from typing import ClassVar

from lengthwise.history.files.fields import Fields
from lengthwise.history.files.values import Row
from lengthwise.index.record import HistoryRecord


class RowSchema(ABC):
    """One way in which a log writes down a prompt and the length of its answer.

    Attributes:
        own_columns: Columns that such rows have under fixed names, which no option names; a file
            that has one of them need have neither prompt nor length elsewhere.
    """

    own_columns: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def applies(self, row: Row, fields: Fields) -> bool:
        """Tell if a row is written this way.

        Args:
            row: Column -> value, as the file's format gives it.
            fields: Reads fields by the names of the options.
        """

    @abstractmethod
    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        """Convert a row that is written this way, at least to one record.

        Args:
            row: Column -> value, as the file's format gives it.
            default_id: Its id if it has none.
            fields: Reads fields by the names of the options.

        Raises:
            RowError: If it cannot be used.
        """
