"""What the row schema of a tool's own log must do."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from lengthwise.history.files.logged.logged_request import LoggedRequest
from lengthwise.history.files.values import Row


class LogSchema(ABC):
    """How one tool writes down requests and their answers.

    Attributes:
        name: Its value of --format.
        title: What its rows are called in a summary: "read as LiteLLM rows".
        columns: Top-level columns that it reads: of a columnar file no others are read.
        answers_beside: Name of the file that holds the other half of each row, where the tool
            writes it into the same folder.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    answers_beside: ClassVar[str] = ""

    @abstractmethod
    def recognises(self, row: Row) -> bool:
        """Tell if a row of a file, before it is unpacked, was written by this tool."""

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give the rows of requests that a row of the file holds: most hold themselves alone."""
        return (row,)

    def join_key(self, row: Row) -> str:
        """Give what an unpacked row is joined by where --join-on names nothing; "" if nothing."""
        del row
        return ""

    @abstractmethod
    def request(self, row: Row) -> LoggedRequest:
        """Read a row.

        Args:
            row: As it was unpacked, joined with its answer.

        Raises:
            LeftOut: If it is no answer of an LLM.
            RowError: If it cannot be used.
        """
