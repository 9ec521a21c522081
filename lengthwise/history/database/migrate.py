"""Brings a database's tables to the form that this release uses, when it is opened."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy import inspect as inspect_database

from lengthwise.history.database.errors import OpenError
from lengthwise.history.database.schema import VERSION_TABLE

SCRIPTS = Path(__file__).parent / "migrations"

ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in module globals."""


def migrate(connection: Connection) -> None:
    """Apply the migrations that are missing.

    Args:
        connection: Inside a transaction that no other process can run this in at the same time.

    Raises:
        OpenError: The tables are newer than this release.
    """
    if is_current(connection):
        return
    config = _config()
    config.attributes["connection"] = connection
    try:
        with ONE_AT_A_TIME:
            command.upgrade(config, "head")
    except CommandError:
        raise OpenError(
            f"its tables are of revision {_revision(connection)!r}, which this release does not "
            f"know: expected {_newest()!r} or older; use a newer release of lengthwise"
        ) from None


def is_current(connection: Connection) -> bool:
    """Whether the tables are those that this release uses."""
    return _revision(connection) == _newest()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _revision(connection: Connection) -> str | None:
    if not inspect_database(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return found.scalar()
