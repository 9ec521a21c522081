"""What is written: once, whole, in order. Each test runs on both databases."""

import sqlite3
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from lengthwise.history.database.completion import Report
from lengthwise.history.database.errors import HistoryError, NoTextError
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.retention import Retention
from tests.lengthwise.history.database.helpers import add, ids, record, records, rows, writing


def test_a_completion_is_read_back_as_it_was_written(place):
    whole = record(
        "a",
        prompt="naïve \U0001f9a9",
        model="llm",
        max_tokens=9,
        finish_reason="length",
        temperature=0.7,
    )
    with writing(place, clock=lambda: 1234.5) as writer:
        writer.append([Report([whole, record("b")])])
    first, second = rows(place)
    assert (first.record, second.record) == (whole, record("b"))
    assert (first.prompt_chars, first.stored_unix_s) == (7, 1234.5)
    assert (first.vector, first.encoder_hash) == (None, "")


def test_a_repeated_id_changes_nothing_and_is_counted(place):
    with writing(place) as writer:
        assert add(writer, "a", "b", "a") == (2, 1)
        assert add(writer, "b", "c") == (1, 1)
        assert add(writer, "c", "b", "a") == (0, 3)
        changed = Report([record("a", output_tokens=999, prompt="another")])
        assert writer.append([changed])[0].new == ()
    assert ids(place) == ["a", "b", "c"]
    assert rows(place)[0].record == record("a")


def test_the_same_id_in_two_reports_of_one_commit_goes_to_the_first(place):
    with writing(place) as writer:
        add(writer, "old")
        reports = [Report([record("old"), record("x")]), Report([record("x"), record("y")])]
        one, other = writer.append(reports)
    assert (one.new, one.duplicates) == ((record("x"),), 1)
    assert (other.new, other.duplicates) == ((record("y"),), 1)
    assert ids(place) == ["old", "x", "y"]


def test_two_callers_may_give_the_same_id(place):
    one, other = (record("a", caller=name, output_tokens=n) for name, n in (("x", 1), ("y", 2)))
    with writing(place) as writer:
        assert [len(found.new) for found in writer.append([Report([one]), Report([other])])] == [
            1,
            1,
        ]
        again = writer.append([Report([other, one])])[0]
        assert (again.duplicates, again.differing) == (2, 0)
    assert [row.record for row in rows(place)] == [one, other]


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "another prompt"},
        {"output_tokens": 8},
        {"model": "another"},
        {"max_tokens": 9},
        {"temperature": 0.5},
        {"finish_reason": "length"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_duplicate_that_says_something_else_is_counted_and_changes_nothing(place, change):
    with writing(place) as writer:
        writer.append([Report([record("a"), record("b")])])
        same, changed = record("b"), record("a", **change)
        (outcome,) = writer.append([Report([same, changed, record("c")])])
        assert (len(outcome.new), outcome.duplicates, outcome.differing) == (1, 2, 1)
        both = writer.append([Report([record("d")]), Report([record("d", **change)])])
        assert [one.differing for one in both] == [0, 1]
    assert rows(place)[0].record == record("a")


def test_of_a_prompt_whose_vector_alone_was_kept_only_its_size_is_compared(place):
    vectors = np.ones((1, 4), np.float32)
    with writing(place) as writer:
        writer.append([Report([record("a", prompt="one")], vectors, "hash")])
        for prompt, differing in (("two", 0), ("four", 1)):
            changed = Report([record("a", prompt=prompt)], vectors, "hash")
            assert writer.append([changed])[0].differing == differing


def test_ids_are_known_again_after_a_restart(place):
    for expected in ((1, 0), (0, 1)):
        with writing(place) as writer:
            assert add(writer, "a") == expected


def test_a_commit_of_nothing_is_none(place):
    with writing(place) as writer:
        assert writer.append([]) == []
        assert writer.append([Report([])])[0].duplicates == 0
    assert ids(place) == []


def test_numbers_ascend_and_are_never_used_twice(place):
    with writing(place) as writer:
        add(writer, "a", "b")
        add(writer, "b", "c")
        assert writer.remove_expired(Retention(max_bytes=0)) == 3
        add(writer, "d")
        numbers = [row.sequence for row in rows(place)]
        assert len(numbers) == 1
        assert numbers[0] > 3, "what is removed keeps its number"
        add(writer, "a")
    assert ids(place) == ["d", "a"], "of what was removed nothing is known any more"


def test_what_some_database_refuses_is_replaced(place):
    odd = record("nul\x00id", prompt="a\x00b \ud83e half", model="m\x00")
    with writing(place) as writer:
        assert len(writer.append([Report([odd])])[0].new) == 1
        assert writer.append([Report([odd])])[0].duplicates == 1
    (row,) = rows(place)
    assert (row.request_id, row.prompt, row.model) == ("nul�id", "a�b � half", "m�")


def test_a_long_prompt_and_many_rows_go_in_one_commit(place):
    many = [record("long", prompt="word " * 400_000), *records("r", 5_000)]
    with writing(place) as writer:
        assert len(writer.append([Report(many)])[0].new) == 5_001
    found = rows(place)
    assert len(found[0].prompt or "") == 2_000_000
    assert [row.output_tokens for row in found[1:]] == list(range(5_000))


def test_vectors_are_kept_in_place_of_texts(place):
    vectors = np.random.default_rng(0).normal(size=(2, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with writing(place) as writer:
        writer.append([Report([record("a"), record("b")], vectors, "some-hash")])
    found = rows(place)
    assert [row.prompt for row in found] == [None, None]
    assert [row.encoder_hash for row in found] == ["some-hash"] * 2
    assert np.stack([row.vector for row in found]) == pytest.approx(vectors, abs=1e-4)
    assert found[0].prompt_chars == len("prompt of a")
    with pytest.raises(NoTextError, match="some-hash"):
        _ = found[0].record


def test_no_text_reaches_the_disk_where_vectors_are_kept(sqlite_place):
    secret = record("a", prompt="a very secret prompt")
    with writing(sqlite_place) as writer:
        writer.append([Report([secret], np.ones((1, 4), np.float32), "hash")])
        folder = Path(sqlite_place).parent
        assert {path.name for path in folder.iterdir()} >= {"history.db", "history.db-wal"}
        assert not any(b"secret" in path.read_bytes() for path in folder.iterdir())


def test_vectors_must_be_as_many_as_completions():
    with pytest.raises(ValueError, match="1 vectors for 2 completions"):
        Report(records("r", 2), np.ones((1, 4), np.float32))


def test_two_writers_commit_in_the_order_of_their_numbers(place):
    """A reader that follows while both write sees every row once: no number comes late."""
    together = threading.Barrier(2)
    with writing(place) as one, writing(place) as other, HistoryReader.open(place) as reader:

        def write(writer, name):
            for i in range(60):
                if i % 6 == 0:
                    together.wait(20)
                writer.append([Report(records(f"{name}-{i}-", 1 + i % 7))])

        threads = [threading.Thread(target=write, args=a) for a in ((one, "one"), (other, "other"))]
        for thread in threads:
            thread.start()
        seen = []
        while any(thread.is_alive() for thread in threads):
            seen += reader.rows_after(seen[-1].sequence if seen else 0)
        seen += reader.rows_after(seen[-1].sequence)
        everything = list(reader.rows_after())
    assert [row.request_id for row in seen] == [row.request_id for row in everything]
    assert len(seen) == 2 * sum(1 + i % 7 for i in range(60))
    switches = sum(
        a.request_id.split("-")[0] != b.request_id.split("-")[0] for a, b in pairwise(seen)
    )
    assert switches >= 10, "they wrote at the same time"


def test_what_fails_leaves_nothing_behind_and_quotes_no_prompt(place):
    with writing(place) as writer:
        add(writer, "a")
        too_much = record("b", prompt="a secret prompt")
        object.__setattr__(too_much, "output_tokens", 2**70)
        with pytest.raises((HistoryError, OverflowError)) as caught:
            writer.append([Report([record("good"), too_much])])
        assert "secret" not in str(caught.value)
        assert add(writer, "c") == (1, 0)
    assert ids(place) == ["a", "c"]


def test_the_history_counts_itself(place):
    with writing(place) as writer:
        add(writer, "a", "b", "a")
        with HistoryReader.open(place) as reader:
            before = reader.summary()
            writer.remove_expired(Retention(max_bytes=before.content_bytes - 1))
            after = reader.summary()
    assert (before.rows, after.rows) == (2, 1)
    assert after.content_bytes == before.content_bytes // 2
    assert after.last_sequence == before.last_sequence


def test_sqlite_syncs_every_commit_and_is_readable_by_its_owner_alone(sqlite_place):
    with writing(sqlite_place) as writer:
        add(writer, "a")
        with writer._engine.connect() as connection:
            pragmas = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("synchronous", "journal_mode", "secure_delete")
            }
        assert pragmas == {"synchronous": 2, "journal_mode": "wal", "secure_delete": 1}
        modes = {path.stat().st_mode & 0o777 for path in Path(sqlite_place).parent.iterdir()}
        assert modes == {0o600}


def test_postgresql_syncs_every_commit_even_where_the_server_would_not(postgres_place):
    hasty = postgres_place + "%20-csynchronous_commit%3Doff"
    with writing(hasty) as writer, writer._engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_sqlite_takes_no_ids_it_has_not_committed(sqlite_place):
    """What another program's reader sees is what was acknowledged."""
    with writing(sqlite_place) as writer:
        add(writer, "a")
        with sqlite3.connect(sqlite_place) as other:
            (count,) = other.execute("SELECT count(*) FROM lengthwise_completions").fetchone()
    assert count == 1
