"""Databases for these tests."""

from tests.lengthwise.history.database.databases import postgres, postgres_place

__all__ = ["postgres", "postgres_place"]
