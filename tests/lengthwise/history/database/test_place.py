"""What an operator may write, and what is shown of it."""

import pytest

from lengthwise.history.database.errors import OpenError
from lengthwise.history.database.place import Place
from lengthwise.history.database.place_kind import names_database


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("history.db", "sqlite"),
        ("/var/lib/lengthwise/history.sqlite3", "sqlite"),
        ("sqlite:////var/lib/lengthwise/history", "sqlite"),
        ("postgresql://me@host/name", "postgresql"),
        ("postgres://me@host:5433/name?sslmode=require", "postgresql"),
        ("postgresql+psycopg:///name?host=/run/postgresql", "postgresql"),
    ],
)
def test_files_and_urls_name_databases(text, kind):
    assert names_database(text)
    assert Place.parse(text).kind == kind


def test_a_file_is_where_it_was_said_to_be():
    assert str(Place.parse("a folder/history.db").file) == "a folder/history.db"
    assert str(Place.parse("sqlite:////var/x").file) == "/var/x"


@pytest.mark.parametrize("text", ["completions.jsonl", "completions", "history.db.jsonl"])
def test_other_files_name_none(text):
    assert not names_database(text)
    with pytest.raises(OpenError, match=r"expected a file ending in \.db"):
        Place.parse(text)


@pytest.mark.parametrize(
    "text",
    ["mysql://root:secret@host/name", "sqlite://", "sqlite:///:memory:", "postgresql://h:port/"],
)
def test_what_cannot_be_used_is_told_without_the_password(text):
    with pytest.raises(OpenError, match="expected a file") as caught:
        Place.parse(text)
    assert "secret" not in str(caught.value)


def test_a_place_shows_no_password():
    place = Place.parse("postgresql://me:secret@host/name")
    assert "secret" not in str(place)
    assert "me" in str(place)
    assert place.url.password == "secret"
