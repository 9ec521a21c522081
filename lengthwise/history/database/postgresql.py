"""PostgreSQL: one history for several replicas of the service."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    bindparam,
    column,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import DBAPIError

from lengthwise.history.database.errors import FullError, HistoryError, OpenError, UnavailableError
from lengthwise.history.database.place import Place
from lengthwise.history.database.schema import UNIQUE, CompletionRow, completions

SCHEMA_LOCK = 0x6C656E6774687769
"""Key of the advisory lock on the tables' schema: the letters "lengthwi"."""

CONNECT_TIMEOUT_S = 5
"""A server that is up takes a connection in milliseconds."""

LINK: dict[str, int] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}
"""Options of libpq. A route that drops everything ends no connection: left to itself the system
gives up on what was sent after a quarter of an hour, and on an answer after two hours."""

LOCK_TIMEOUT_S = 10
"""Whoever holds a lock for longer, such as a migration, is not to be waited for."""

IDLE_TIMEOUT_S = 60
"""A writer that says nothing for so long in the middle of a commit, whose locks all others wait
for, is gone, or its route is."""

STATEMENT_TIMEOUT_S = 30
"""A commit takes milliseconds: a server that takes so long is down, or too busy to wait for."""

NAMES = [c.name for c in completions.c]
"""In the order of a `CompletionRow`."""

ROWS = func.unnest(*[bindparam(c.name, type_=ARRAY(c.type)) for c in completions.c])
"""The rows that arrays of the columns' values make."""

INSERT = (
    insert(completions)
    .from_select(
        NAMES,
        select(
            ROWS.table_valued(*[column(c.name, c.type) for c in completions.c]).render_derived()
        ),
    )
    .on_conflict_do_nothing(index_elements=UNIQUE)
)
"""One statement whatever the number of rows, each column an array."""

SETTINGS = (
    f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'",
    f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'",
    f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'",
)
"""Sent to the server once for each connection."""

SYNCED = (
    # A server may acknowledge before it syncs, to be fast: what is acknowledged here must last.
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
READ_ONLY = "SET default_transaction_read_only = on"
"""For readers: a slip in a query must not change a history."""

READ_ONLY_STATE = "25006"
"""SQLSTATE of a write to a server that only reads: as a rule the primary of before a failover."""

IDLE_STATE = "25P03"
"""SQLSTATE of a connection that was cut off by `IDLE_TIMEOUT_S`."""

MISSING_DRIVER = (
    # for people: which package, and what installs it
    "PostgreSQL needs a driver that is not installed: pip install 'lengthwise[postgres]'"
)


class Postgresql:
    """A server reached by URL."""

    def writing_engine(self, place: Place) -> Engine:
        return _engine(place, (*SETTINGS, SYNCED))

    def reading_engine(self, place: Place) -> Engine:
        return _engine(place, (*SETTINGS, READ_ONLY))

    def lock_schema(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        # To migrate a large table takes longer than any commit may.
        connection.execute(text("SET LOCAL statement_timeout = 0"))

    def insert(self, connection: Connection, rows: Sequence[CompletionRow]) -> int:
        arrays = map(list, zip(*rows, strict=True))
        return connection.execute(INSERT, dict(zip(NAMES, arrays, strict=True))).rowcount

    def explain(self, error: DBAPIError) -> HistoryError:
        """See `Database.explain`.

        The classes of SQLSTATE: 53 is out of a resource, 08 and 57 a connection or a server that
        goes away, 40 and 55 a lock or a transaction that came too late.
        """
        state = _state(error.orig)
        reason = _first_line(error)
        if state == "53100":
            return FullError(reason)
        if state in (READ_ONLY_STATE, IDLE_STATE) or state[:2] in ("08", "40", "53", "55", "57"):
            return UnavailableError(reason)
        # The first line names columns and constraints; the rest would quote the row.
        return HistoryError(f"{reason} (SQLSTATE {state})")


def _engine(place: Place, settings: Sequence[str]) -> Engine:
    try:
        engine = create_engine(
            place.url,
            pool_size=1,
            max_overflow=1,
            pool_pre_ping=True,  # a server that was restarted is found again
            connect_args=LINK,
        )
    except ModuleNotFoundError as error:
        raise OpenError(MISSING_DRIVER) from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.autocommit = True
        for setting in settings:
            connection.execute(setting)
        connection.autocommit = False

    @event.listens_for(engine, "handle_error")
    def leave_read_only(context: ExceptionContext) -> None:  # pyright: ignore[reportUnusedFunction]
        # Kept, the connection would lead to that server for ever: whoever connects anew is led to
        # the one that is primary now.
        if _state(context.original_exception) == READ_ONLY_STATE:
            context.is_disconnect = True

    return engine


def _state(error: BaseException | None) -> str:
    """The SQLSTATE of a driver's error; that of a lost connection where it has none."""
    return str(getattr(error, "sqlstate", None) or "08000")


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
