"""The kinds of database there are."""

from completion_history.databases.database import Database
from completion_history.databases.postgresql import Postgresql
from completion_history.databases.sqlite import Sqlite
from completion_history.place import Place


def database_of(place: Place) -> Database:
    """The kind that a place is of."""
    return Sqlite() if place.kind == "sqlite" else Postgresql()
