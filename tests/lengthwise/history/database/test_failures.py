"""Databases that are full, busy or gone, and then well again."""

import resource
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from lengthwise.history.database import postgresql, sqlite
from lengthwise.history.database.completion import Report
from lengthwise.history.database.errors import FullError, UnavailableError
from tests.lengthwise.history.database.helpers import add, ids, record, writing


def test_a_full_disk_is_told_and_nothing_half_written_stays(sqlite_place):
    with writing(sqlite_place) as writer:
        add(writer, "before")
        full = True

        @event.listens_for(writer._engine, "begin")
        def limit(connection):
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            limit = pages if full else 1_000_000
            connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")

        large = Report([record(f"l{i}", prompt="x" * 10_000) for i in range(10)])
        with pytest.raises(FullError, match="full"):
            writer.append([large])
        full = False
        assert len(writer.append([large])[0].new) == 10
    assert len(ids(sqlite_place)) == 11


def test_a_file_that_may_not_grow_is_told_and_takes_the_same_again_once_it_may(sqlite_place):
    large = Report([record(f"l{i}", prompt="x" * 10_000) for i in range(100)])
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    with writing(sqlite_place) as writer:
        add(writer, "before")
        grown = Path(f"{sqlite_place}-wal").stat().st_size + 100_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (grown, unlimited[1]))
        try:
            with pytest.raises(UnavailableError, match="disk I/O error"):
                writer.append([large])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert len(writer.append([large])[0].new) == 100
    assert len(ids(sqlite_place)) == 101


def test_a_commit_waits_for_another_process_and_gives_up_in_the_end(sqlite_place, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    with writing(sqlite_place) as writer:
        add(writer, "a")
        other = sqlite3.connect(sqlite_place, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="another process"):
            add(writer, "b")
        other.execute("ROLLBACK")
        other.close()
        assert add(writer, "b") == (1, 0)


def test_a_lost_connection_is_made_again(postgres, postgres_place):
    with writing(postgres_place) as writer:
        add(writer, "a")
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        assert add(writer, "b", "a") == (1, 1)
    assert ids(postgres_place) == ["a", "b"]


def test_a_connection_to_a_server_that_only_reads_is_left_for_a_new_one(postgres_place):
    with writing(postgres_place) as writer:
        add(writer, "a")
        with writer._engine.connect() as connection:
            # What a primary becomes by a failover: it is the same server, and takes no writes.
            connection.exec_driver_sql("SET default_transaction_read_only = on")
            connection.commit()
        with pytest.raises(UnavailableError, match="read-only transaction"):
            add(writer, "b")
        assert add(writer, "b") == (1, 0)
    assert ids(postgres_place) == ["a", "b"]


def test_a_replica_that_hangs_in_a_commit_is_cut_off_and_the_others_go_on(postgres_place):
    with writing(postgres_place) as hanging, writing(postgres_place) as writer:

        def hang_in_a_commit() -> None:
            with hanging._transaction() as connection:
                patience = "SET LOCAL idle_in_transaction_session_timeout = '100ms'"
                connection.exec_driver_sql(patience)
                hanging._lock_ledger(connection)
                assert add(writer, "a") == (1, 0)

        with pytest.raises(UnavailableError, match="idle-in-transaction"):
            hang_in_a_commit()
        assert add(hanging, "b") == (1, 0)
    assert ids(postgres_place) == ["a", "b"]


def test_what_bounds_the_wait_for_a_server_is_set_on_each_connection(postgres_place):
    with writing(postgres_place) as writer, writer._engine.connect() as connection:
        given = connection.connection.driver_connection.info.get_parameters()
        assert (
            postgresql.LINK.items() <= {k: int(v) for k, v in given.items() if v.isdigit()}.items()
        )
        idle = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()
    assert idle == "1min"


def test_a_replica_that_hangs_does_not_hold_up_the_others_for_ever(postgres_place, monkeypatch):
    monkeypatch.setattr(postgresql, "SETTINGS", ("SET lock_timeout = '100ms'",))
    with writing(postgres_place) as hanging, writing(postgres_place) as writer:
        with hanging._transaction() as connection:
            hanging._lock_ledger(connection)
            with pytest.raises(UnavailableError, match="lock timeout"):
                add(writer, "a")
        assert add(writer, "a") == (1, 0)
