"""The history: completions in a database, written by the service and read by the index job.

SQLAlchemy comes in with `writer` and `reader`, not with the package.
"""

SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
"""Usual endings of the names of SQLite's files."""


def names_database(text: str) -> bool:
    """True for a URL, and for a file with one of SQLite's usual suffixes."""
    return "://" in text or text.endswith(SQLITE_SUFFIXES)
