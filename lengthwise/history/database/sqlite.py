"""SQLite: the embedded default, for the processes of one machine."""

import os
import sqlite3
import time
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.exc import DBAPIError, OperationalError

from lengthwise.history.database.errors import FullError, HistoryError, OpenError, UnavailableError
from lengthwise.history.database.place import Place
from lengthwise.history.database.schema import UNIQUE, CompletionRow, completions

BUSY_TIMEOUT_S = 30.0
"""How long a commit waits for those of other processes."""

BUSY_RETRY_S = 0.001
"""Pause between two tries for the write lock; SQLite's own grows to a tenth of a second."""

CHECKPOINT_PAGES = 4_000
"""Size of the write-ahead log, in pages of 4 KiB, at which it is copied into the database."""

FULL_SYNC = 2
"""Of PRAGMA synchronous: the log is synced at every commit, not at checkpoints alone."""

INSERT = str(
    insert(completions).on_conflict_do_nothing(index_elements=UNIQUE).compile(dialect=dialect())  # pyright: ignore[reportNoOverloadImplementation]
)
"""Compiled once: to look at the parameters of every row again takes longer than to insert it."""


class Sqlite:
    """A file in write-ahead-log mode: readers and the writer do not wait for each other."""

    def writing_engine(self, place: Place) -> Engine:
        _make_private(place)
        engine = _engine(place)

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
            _prepare(connection)
            _switch_to_wal(connection)
            connection.execute(f"PRAGMA synchronous={FULL_SYNC}")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            # What retention removes is prompts: it is overwritten, not just let go of.
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA busy_timeout=0")  # from here on `_begin_to_write` waits

        event.listen(engine, "begin", _begin_to_write)
        return engine

    def reading_engine(self, place: Place) -> Engine:
        if place.file is None or not place.file.is_file():
            raise OpenError("there is no such file: expected a history that the service has begun")
        engine = _engine(place)

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
            _prepare(connection)
            connection.execute("PRAGMA query_only=ON")

        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine

    def lock_schema(self, connection: Connection) -> None:
        """Nothing to do: a transaction that may write is the only one from its beginning."""

    def insert(self, connection: Connection, rows: Sequence[CompletionRow]) -> int:
        return connection.exec_driver_sql(INSERT, list(rows)).rowcount

    def explain(self, error: DBAPIError) -> HistoryError:
        reason = str(error.orig)
        if getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            return FullError(reason)
        if _is_busy(error.orig):
            return UnavailableError(f"{reason}: another process has it for too long")
        if _kind(error.orig) == sqlite3.SQLITE_IOERR:
            # A limit on the size of files is among the causes, and passes as a full disk does.
            return UnavailableError(f"{reason}: the file or its log cannot be read or written now")
        return HistoryError(reason)


def _engine(place: Place) -> Engine:
    return create_engine(place.url, pool_size=1, max_overflow=1)


def _begin_to_write(connection: Connection) -> None:
    """Take the database's one write lock.

    SQLite's own wait looks ten times a second in the end, and hardly ever gets the lock beside a
    process that commits all the time.
    """
    ends_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not _is_busy(error.orig) or time.monotonic() > ends_s:
                raise
            time.sleep(BUSY_RETRY_S)
        else:
            return


def _is_busy(error: object) -> bool:
    return _kind(error) == sqlite3.SQLITE_BUSY


def _kind(error: object) -> int:
    """The lowest byte of SQLite's code: the rest is detail."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _prepare(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # or the driver would begin transactions of its own
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1_000)}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch, which SQLite refuses at once, without its timeout, while another process does."""
    ends_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > ends_s:
                raise
            time.sleep(BUSY_RETRY_S)
            continue
        if mode != "wal":
            raise OpenError(
                f"SQLite keeps its journal in mode {mode!r} there: expected a local file system, "
                "where it can be 'wal'"
            )
        return


def _make_private(place: Place) -> None:
    """Make the file, for its owner alone: it holds prompts. SQLite's side files follow it."""
    assert place.file is not None  # noqa: S101  by `database_of`
    try:
        os.close(os.open(place.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise OpenError(error.strerror or str(error)) from error
