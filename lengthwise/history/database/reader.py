"""Reads the history: in order, in bounded memory, beside whoever writes it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sqlalchemy import Connection, Engine, Row, select

from lengthwise.history.database.completion import VECTOR_TYPE, StoredCompletion
from lengthwise.history.database.database import Database, database_of, transaction
from lengthwise.history.database.errors import HistoryError, OpenError
from lengthwise.history.database.migrate import is_current
from lengthwise.history.database.place import Place
from lengthwise.history.database.schema import LEDGER_ID, completions, ledger
from lengthwise.request import CONDITION_NAMES

PAGE_ROWS, PAGE_BYTES = 1_000, 16 * 2**20
"""Of a page, whichever is reached first: each is read in a transaction of its own, so that a reader
who takes hours holds up neither SQLite's write-ahead log nor PostgreSQL's vacuum."""

COLUMNS = [column for column in completions.c if column.name != "row_bytes"]
"""What a `StoredCompletion` is made of."""


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """What a history holds.

    Args:
        rows: Completions that are kept now.
        content_bytes: Roughly the bytes that they take.
        last_sequence: The highest number ever given; 0 before the first row.
    """

    rows: int
    content_bytes: int
    last_sequence: int


class HistoryReader:
    """A history that is read; a context manager. Safe for one thread at a time.

    Args:
        database: The kind of it: SQLite or PostgreSQL.
        engine: Of SQLAlchemy, connected to it, reading only.
    """

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    @classmethod
    def open(cls, place: str) -> "HistoryReader":
        """Connect to a history that exists.

        Args:
            place: A file or URL, as given to the service.

        Raises:
            OpenError: There is none, or one of another release.
        """
        parsed = Place.parse(place)
        database = database_of(parsed)
        try:
            reader = cls(database, database.reading_engine(parsed))
            with reader._transaction() as connection:
                if not is_current(connection):
                    raise OpenError(
                        "it holds no history of this release: start the service of the same "
                        "release on it first, which makes the tables or migrates them"
                    )
        except HistoryError as error:
            raise OpenError(f"{parsed}: {error}") from error
        return reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def summary(self) -> HistorySummary:
        """What is in it now."""
        with self._transaction() as connection:
            row = connection.execute(select(ledger).where(ledger.c.id == LEDGER_ID)).one()
        return HistorySummary(row.kept_rows, row.kept_bytes, row.last_sequence)

    def rows_after(
        self, sequence: int = 0, *, up_to: int | None = None
    ) -> Iterator[StoredCompletion]:
        """Completions with higher numbers, in order.

        Rows are committed in the order of their numbers, so whoever goes on after the last number
        that it has seen misses none. Rows that retention removes meanwhile are left out.

        Args:
            sequence: The last number that is known already.
            up_to: The last number wanted; None for all that there are when the end is reached.

        Raises:
            HistoryError: The database cannot be read.
        """
        while True:
            with self._transaction() as connection:
                end = self._page_end(connection, sequence, up_to)
                if end is None:
                    return
                wanted = select(*COLUMNS).where(
                    completions.c.sequence > sequence, completions.c.sequence <= end
                )
                page = connection.execute(wanted.order_by(completions.c.sequence)).all()
            yield from map(_completion, page)
            sequence = end

    def sequence_before_newest(self, rows: int) -> int:
        """The number after which so many rows follow; 0 if there are no more than that."""
        wanted = select(completions.c.sequence).order_by(completions.c.sequence.desc())
        with self._transaction() as connection:
            return connection.scalar(wanted.offset(rows).limit(1)) or 0

    def _page_end(self, connection: Connection, sequence: int, up_to: int | None) -> int | None:
        """Number of the last row of the next page: of so many rows, or so many bytes and one."""
        sizes = select(completions.c.sequence, completions.c.row_bytes).where(
            completions.c.sequence > sequence
        )
        if up_to is not None:
            sizes = sizes.where(completions.c.sequence <= up_to)
        end, total_bytes = None, 0
        for row in connection.execute(sizes.order_by(completions.c.sequence).limit(PAGE_ROWS)):
            total_bytes += row.row_bytes
            if end is not None and total_bytes > PAGE_BYTES:
                break
            end = row.sequence
        return end

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._database, self._engine)


def _completion(row: Row[Any]) -> StoredCompletion:
    vector = None
    if row.vector is not None:
        vector = np.frombuffer(row.vector, VECTOR_TYPE).astype(np.float32)
    return StoredCompletion(
        sequence=row.sequence,
        request_id=row.request_id,
        stored_unix_s=row.stored_unix_s,
        model=row.model,
        prompt=row.prompt,
        prompt_chars=row.prompt_chars,
        output_tokens=row.output_tokens,
        finish_reason=row.finish_reason,
        vector=vector,
        encoder_hash=row.encoder_hash or "",
        caller=row.caller,
        **{name: getattr(row, name) for name in CONDITION_NAMES},
    )
