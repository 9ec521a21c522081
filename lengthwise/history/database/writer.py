"""Writes the history. Blocking: one thread at a time."""

import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from math import inf
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, select, update

from lengthwise.history.database.batch import CONTENT_NAMES, Batch, Content
from lengthwise.history.database.completion import Appended, Report
from lengthwise.history.database.database import Database, database_of, transaction
from lengthwise.history.database.errors import HistoryError, OpenError
from lengthwise.history.database.migrate import migrate
from lengthwise.history.database.place import Place
from lengthwise.history.database.retention import OldRow, Retention
from lengthwise.history.database.schema import LEDGER_ID, completions, ledger
from lengthwise.index.record import RowKey

EXPIRED_AT_A_TIME = 2_000
"""Rows looked at and removed in one transaction, so that reports hardly wait for it."""

LOOKED_UP_AT_A_TIME = 500
"""Ids in one statement: SQLite before 3.32 takes 999 values."""

CONTENT = [completions.c[name] for name in CONTENT_NAMES]
"""The columns by which a duplicate is told from one that differs."""

LEDGER = select(ledger).where(ledger.c.id == LEDGER_ID).with_for_update()
"""The ledger's row, locked until the transaction ends: writers take turns."""

OLDEST = (
    select(completions.c.sequence, completions.c.stored_unix_s, completions.c.row_bytes)
    .order_by(completions.c.sequence)
    .limit(EXPIRED_AT_A_TIME)
)
"""What retention looks at."""

FIRST_OF_THE_PAST = (
    select(completions.c.stored_unix_s)
    .where(completions.c.sequence > bindparam("after"))
    .where(completions.c.stored_unix_s <= bindparam("now_unix_s"))
    .order_by(completions.c.sequence)
    .limit(1)
)
"""When the first row was stored that no wrong clock dated into the future. Clocks go on, so hardly
a row after it is older; to find the oldest would be to read all of the history under the lock."""


class HistoryWriter:
    """A database that completions are written to. Several processes may write to it at once.

    Args:
        database: The kind of it: SQLite or PostgreSQL.
        engine: Of SQLAlchemy, connected to it.
        clock: Gives Unix time, by which rows are stamped and expire.
    """

    def __init__(
        self, database: Database, engine: Engine, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, place: Place, clock: Callable[[], float] = time.time) -> "HistoryWriter":
        """Connect, and make or migrate the tables.

        Raises:
            OpenError: The place cannot be used.
        """
        database = database_of(place)
        try:
            engine = database.writing_engine(place)
            writer = cls(database, engine, clock)
            with writer._transaction() as connection:
                database.lock_schema(connection)
                migrate(connection)
        except HistoryError as error:
            raise OpenError(f"{place}: {error}") from error
        return writer

    def append(self, reports: Sequence[Report]) -> list[Appended]:
        """Store several reports in one commit.

        Returns:
            What became of each; on return all of it is synced to disk.

        Raises:
            HistoryError: None of it is known to be stored; to repeat it does no harm.
        """
        with self._transaction() as connection:
            kept = self._lock_ledger(connection)
            batch = Batch(reports, first_sequence=kept.last_sequence + 1, now_unix_s=self._clock())
            self._insert(connection, batch, kept.last_sequence)
            self._write_ledger(
                connection,
                last_sequence=max(kept.last_sequence, batch.last_sequence),
                kept_rows=kept.kept_rows + len(batch.rows),
                kept_bytes=kept.kept_bytes + batch.total_bytes,
            )
        return batch.outcomes

    def kept_rows(self) -> int:
        """How many completions there are now.

        Raises:
            HistoryError: The database cannot be asked.
        """
        with self._transaction() as connection:
            return self._lock_ledger(connection).kept_rows

    def remove_expired(self, retention: Retention, *, most_by_age: int | None = None) -> int:
        """Remove some of what is too old or too much.

        Args:
            retention: How old and how many completions may stay.
            most_by_age: How many may go for their age alone; None for any number.

        Returns:
            How many rows went; 0 once nothing is left to remove.

        Raises:
            HistoryError: Nothing was removed.
        """
        with self._transaction() as connection:
            kept = self._lock_ledger(connection)
            oldest = [OldRow(*row) for row in connection.execute(OLDEST)]
            now_unix_s = self._clock()
            count = retention.expired(
                oldest,
                kept_bytes=kept.kept_bytes,
                now_unix_s=now_unix_s,
                after_unix_s=self._stored_after(connection, oldest, now_unix_s),
                most_by_age=most_by_age,
            )
            if count:
                last = oldest[count - 1].sequence
                connection.execute(delete(completions).where(completions.c.sequence <= last))
                self._write_ledger(
                    connection,
                    kept_rows=kept.kept_rows - count,
                    kept_bytes=kept.kept_bytes - sum(row.row_bytes for row in oldest[:count]),
                )
        return count

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _insert(self, connection: Connection, batch: Batch, last_sequence: int) -> None:
        rows = batch.rows
        if not rows or self._database.insert(connection, rows) == len(rows):
            return
        key = (completions.c.caller, completions.c.request_id)
        added = select(*key).where(completions.c.sequence > last_sequence)
        repeated = batch.keys - {(row.caller, row.request_id) for row in connection.execute(added)}
        batch.drop(repeated, self._stored(connection, repeated))

    def _stored(
        self, connection: Connection, keys: Collection[RowKey]
    ) -> Generator[tuple[RowKey, Content]]:
        """What is stored of some completions, a few at a time."""
        ids = iter({name for _, name in keys})
        while some := list(islice(ids, LOOKED_UP_AT_A_TIME)):
            wanted = select(completions.c.caller, completions.c.request_id, *CONTENT)
            for row in connection.execute(wanted.where(completions.c.request_id.in_(some))):
                yield (row.caller, row.request_id), tuple(row[2:])

    def _stored_after(
        self, connection: Connection, oldest: Sequence[OldRow], now_unix_s: float
    ) -> float:
        """When what follows the oldest rows was stored; looked at only where they cannot tell.

        As a rule they can: a row that follows is younger than the last of them.
        """
        if not oldest or oldest[-1].stored_unix_s <= now_unix_s:
            return inf
        bounds = {"after": oldest[-1].sequence, "now_unix_s": now_unix_s}
        found = connection.execute(FIRST_OF_THE_PAST, bounds).scalar()
        return inf if found is None else found

    def _lock_ledger(self, connection: Connection) -> Row[Any]:
        return connection.execute(LEDGER).one()

    def _write_ledger(self, connection: Connection, **values: int) -> None:
        connection.execute(update(ledger).where(ledger.c.id == LEDGER_ID).values(**values))

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._database, self._engine)
