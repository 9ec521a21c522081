"""Opening a history: made, migrated, refused."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from lengthwise.history.database.completion import Report
from lengthwise.history.database.database import database_of
from lengthwise.history.database.errors import OpenError
from lengthwise.history.database.migrate import _config
from lengthwise.history.database.place import Place
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.schema import VERSION_TABLE, metadata
from lengthwise.history.database.writer import HistoryWriter
from tests.lengthwise.history.database.helpers import add, ids, record, rows, writing


def start_and_add(place: str, name: str) -> None:
    with writing(place) as writer:
        add(writer, name)


def test_processes_that_start_at_once_make_the_tables_once(place):
    context = multiprocessing.get_context("spawn")
    starting = [
        context.Process(target=start_and_add, args=(place, f"p{i}"), daemon=True) for i in range(3)
    ]
    for process in starting:
        process.start()
    for process in starting:
        process.join(60)
    assert [process.exitcode for process in starting] == [0, 0, 0]
    assert sorted(ids(place)) == ["p0", "p1", "p2"]


def differences(writer: HistoryWriter) -> list:
    """What alembic finds different between the tables and those that the program uses."""
    with writer._engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, metadata)


def test_the_migrations_make_the_tables_that_the_program_uses(place):
    with writing(place) as writer:
        assert differences(writer) == []


OLD_ROW = {
    "sequence": 1,
    "request_id": "old",
    "stored_unix_s": 12.5,
    "model": "llm",
    "prompt": "hi",
    "prompt_chars": 2,
    "output_tokens": 7,
    "finish_reason": "stop",
    "row_bytes": 130,
}
"""A row as every release has written it."""


def begin_old_history(place: str, revision: str) -> None:
    """A history as the release of a revision left it, with one row."""
    parsed = Place.parse(place)
    engine = database_of(parsed).writing_engine(parsed)
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        names = ", ".join(OLD_ROW)
        values = ", ".join(f":{name}" for name in OLD_ROW)
        connection.execute(
            text(f"INSERT INTO lengthwise_completions ({names}) VALUES ({values})"), OLD_ROW
        )
        connection.execute(text("UPDATE lengthwise_ledger SET last_sequence = 1, kept_rows = 1"))
    engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_history_of_an_earlier_release_is_migrated_and_keeps_its_rows(place, revision):
    begin_old_history(place, revision)
    with pytest.raises(OpenError, match="holds no history of this release"):
        HistoryReader.open(place)
    with writing(place) as writer:
        new = record("old", caller="token b", temperature=0.0)
        assert len(writer.append([Report([new])])[0].new) == 1
    old, added = rows(place)
    assert (old.key, old.prompt, old.temperature, old.stored_unix_s) == (
        ("", "old"),
        "hi",
        None,
        12.5,
    )
    assert (added.sequence, added.record) == (2, new)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_migrated_history_has_the_tables_that_the_program_uses(place, revision):
    begin_old_history(place, revision)
    with writing(place) as writer:
        assert differences(writer) == []


def test_a_history_of_a_newer_release_is_refused_and_left_alone(place):
    with writing(place) as writer:
        add(writer, "a")
        with writer._engine.begin() as connection:
            connection.execute(text("UPDATE lengthwise_schema SET version_num = '9999'"))
    with pytest.raises(OpenError, match="revision '9999', which this release does not know"):
        HistoryWriter.open(Place.parse(place))
    with pytest.raises(OpenError, match="holds no history of this release"):
        HistoryReader.open(place)


def test_a_reader_makes_nothing(place, sqlite_place):
    with pytest.raises(OpenError, match=r"no such file|holds no history"):
        HistoryReader.open(place)
    assert not Path(sqlite_place).exists()


def test_a_reader_cannot_write(place):
    with writing(place) as writer:
        add(writer, "a")
    with (
        HistoryReader.open(place) as reader,
        pytest.raises(Exception, match=r"(?i)read.?only"),
        reader._transaction() as connection,
    ):
        connection.execute(text("DELETE FROM lengthwise_completions"))
    assert ids(place) == ["a"]


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("dear diary, " * 100)
    with pytest.raises(OpenError, match="not a database"):
        HistoryWriter.open(Place.parse(str(path)))
    assert path.read_text() == "dear diary, " * 100


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(OpenError, match="No such file or directory"):
        HistoryWriter.open(Place.parse(str(tmp_path / "no such folder" / "h.db")))


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path):
    place = Place.parse(f"postgresql://me:secret@/name?host={tmp_path}")
    with pytest.raises(OpenError, match=r"connection (failed|to server)") as caught:
        HistoryWriter.open(place)
    assert "secret" not in str(caught.value)


def test_without_a_driver_the_line_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(OpenError, match=r"pip install 'lengthwise\[postgres\]'"):
        HistoryWriter.open(Place.parse("postgresql://me@host/name"))


def test_tables_of_others_in_the_same_database_are_left_alone(sqlite_place):
    with sqlite3.connect(sqlite_place) as other:
        other.execute("CREATE TABLE completions (x)")
        other.execute("INSERT INTO completions VALUES (1)")
    with writing(sqlite_place) as writer:
        add(writer, "a")
    with sqlite3.connect(sqlite_place) as other:
        assert other.execute("SELECT x FROM completions").fetchall() == [(1,)]


def test_a_migration_may_take_longer_than_a_commit(postgres_place):
    def timeout(connection) -> str:
        return connection.execute(text("SHOW statement_timeout")).scalar()

    with writing(postgres_place) as writer:
        with writer._engine.begin() as connection:
            writer._database.lock_schema(connection)
            assert timeout(connection) == "0"
        with writer._engine.begin() as connection:
            assert timeout(connection) == "30s"
