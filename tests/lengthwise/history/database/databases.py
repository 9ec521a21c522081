"""Both kinds of database for tests: an empty history in each, made anew for every test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from benchmarks.private_postgres import NONE_FOUND, find_binaries, private_postgres

KINDS = ("sqlite", "postgresql")
NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of the tests' own."""
    if find_binaries() is None:
        pytest.skip(NONE_FOUND)
    with private_postgres() as url:
        yield url


def empty_postgres(url: str) -> str:
    """URL of a part of the server that nobody else uses."""
    schema = f"test_{next(NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{url}&options=-csearch_path%3D{schema}"


def empty_history(kind: str, request: pytest.FixtureRequest) -> str:
    """Where a history of some kind can be begun."""
    if kind == "postgresql":
        return empty_postgres(request.getfixturevalue("postgres"))
    folder: Path = request.getfixturevalue("tmp_path")
    return str(folder / "history.db")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> str:
    """An empty history, of each kind in turn."""
    return empty_history(request.param, request)


@pytest.fixture
def postgres_place(request: pytest.FixtureRequest) -> str:
    """An empty history in PostgreSQL."""
    return empty_history("postgresql", request)


@pytest.fixture
def sqlite_place(request: pytest.FixtureRequest) -> str:
    """An empty history in SQLite."""
    return empty_history("sqlite", request)
