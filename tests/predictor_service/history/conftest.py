"""Databases for these tests."""

from tests.completion_history.databases import place, postgres, postgres_place, sqlite_place

__all__ = ["place", "postgres", "postgres_place", "sqlite_place"]
