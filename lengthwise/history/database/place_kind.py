"""Whether a text names a database: told without loading what a database needs."""

SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def names_database(text: str) -> bool:
    """True for a URL, and for a file with one of SQLite's usual suffixes."""
    return "://" in text or text.endswith(SQLITE_SUFFIXES)
