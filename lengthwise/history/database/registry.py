"""The kinds of database there are."""

from lengthwise.history.database.database import Database
from lengthwise.history.database.place import Place
from lengthwise.history.database.postgresql import Postgresql
from lengthwise.history.database.sqlite import Sqlite


def database_of(place: Place) -> Database:
    """The kind that a place is of."""
    return Sqlite() if place.kind == "sqlite" else Postgresql()
