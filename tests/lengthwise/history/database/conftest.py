"""Databases for these tests."""

from tests.lengthwise.history.database.databases import (
    place,
    postgres,
    postgres_place,
    sqlite_place,
)

__all__ = ["place", "postgres", "postgres_place", "sqlite_place"]
