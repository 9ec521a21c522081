"""Where a history is kept, as an operator writes it."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from lengthwise.history.database.errors import OpenError
from lengthwise.history.database.place_kind import SQLITE_SUFFIXES

EXPECTED = (
    f"expected a file ending in {', '.join(SQLITE_SUFFIXES)}, sqlite:///FILE "
    "or postgresql://USER@HOST/DATABASE"
)
POSTGRESQL_DRIVER = "postgresql+psycopg"
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": POSTGRESQL_DRIVER,
    "postgres": POSTGRESQL_DRIVER,
    POSTGRESQL_DRIVER: POSTGRESQL_DRIVER,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database. Its text shows no password.

    Args:
        url: As SQLAlchemy takes it.
    """

    url: URL

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read what an operator wrote: a file or a URL.

        Raises:
            OpenError: It is neither.
        """
        if "://" not in text:
            if not text.endswith(SQLITE_SUFFIXES):
                raise OpenError(f"{text!r} names no database: {EXPECTED}")
            return cls(URL.create("sqlite", database=text))
        scheme = text.partition("://")[0]
        try:
            driver = DRIVERS[scheme]
            url = make_url(text).set(drivername=driver)
        except (ArgumentError, KeyError, ValueError):
            raise OpenError(f"a URL that begins with {scheme!r}: {EXPECTED}") from None
        if driver == "sqlite" and url.database in (None, "", ":memory:"):
            raise OpenError(f"sqlite:// without a file would keep nothing: {EXPECTED}")
        return cls(url)

    @property
    def kind(self) -> str:
        """The database behind it: "sqlite" or "postgresql"."""
        return self.url.get_backend_name()

    @property
    def file(self) -> Path | None:
        """The file, where it is one."""
        return Path(self.url.database or "") if self.kind == "sqlite" else None

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)
