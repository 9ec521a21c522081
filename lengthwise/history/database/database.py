"""The contract of a database, and the kinds that keep it, each in its own way."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from lengthwise.history.database.errors import HistoryError
from lengthwise.history.database.place import Place
from lengthwise.history.database.postgresql import Postgresql
from lengthwise.history.database.schema import CompletionRow
from lengthwise.history.database.sqlite import Sqlite


class Database(Protocol):
    """One kind of database."""

    def writing_engine(self, place: Place) -> Engine:
        """An engine whose commits survive a crash of the machine; makes the database if it can.

        Raises:
            OpenError: The place cannot be used.
        """
        ...

    def reading_engine(self, place: Place) -> Engine:
        """An engine that cannot write.

        Raises:
            OpenError: The place cannot be used.
        """
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from migrating until this transaction ends."""
        ...

    def insert(self, connection: Connection, rows: Sequence[CompletionRow]) -> int:
        """Insert completions, but for those whose id and caller are there already.

        Returns:
            How many were inserted.
        """
        ...

    def explain(self, error: DBAPIError) -> HistoryError:
        """What a failure means for whoever asked."""
        ...


@contextmanager
def transaction(database: Database, engine: Engine) -> Generator[Connection]:
    """All that is done in it, or nothing.

    Raises:
        HistoryError: What the database says has failed.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        # Its own text quotes the statement's parameters, which are prompts.
        raise database.explain(error) from None


def database_of(place: Place) -> Database:
    """The kind that a place is of."""
    return Sqlite() if place.kind == "sqlite" else Postgresql()
