"""Which rows of a long history are encoded: decided row by row, and steady as it grows."""

import hashlib
import sqlite3
from collections import Counter

import pytest

from index_builder.distributed.encoded_history import EncodedHistory
from index_builder.distributed.place import Place
from index_builder.distributed.selection import (
    Quota,
    Selection,
    Stratum,
    fair_caps,
    id_hash,
    quotas,
)
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord
from tests.index_builder.distributed.encodings import built_of_parts, encode, plan_of, write_history

ROWS = 20_000
KEEP = 2_000


def records(count, model="llm", start=0):
    return [HistoryRecord("p", 1, model, f"{model}-{i}") for i in range(start, start + count)]


def kept(counts, files, keep):
    selection = Selection(counts, keep)
    return [r.id for number, rows in enumerate(files) for r in selection.of_file(number, rows)]


def test_a_short_history_is_kept_whole():
    assert Selection([{"llm": 5}, {"llm": 5}], 10).keeps_all
    assert not Selection([{"llm": 5}, {"llm": 6}], 10).keeps_all


def test_about_as_many_rows_stay_as_are_wanted_half_of_them_the_newest():
    found = kept([{"llm": ROWS}], [records(ROWS)], KEEP)
    assert len(found) == pytest.approx(KEEP, rel=0.1)
    newest = {f"llm-{i}" for i in range(ROWS - KEEP // 2, ROWS)}
    assert newest <= set(found)


def test_the_sample_of_older_rows_is_even():
    found = kept([{"llm": ROWS}], [records(ROWS)], KEEP)
    old = [int(name.split("-")[1]) for name in found][: -KEEP // 2]
    by_quarter = Counter(number * 4 // (ROWS - KEEP // 2) for number in old)
    assert all(count == pytest.approx(KEEP / 8, rel=0.3) for count in by_quarter.values())


def test_files_apart_give_the_rows_that_one_file_gives():
    rows = records(ROWS)
    files = [rows[:9_000], rows[9_000:9_001], rows[9_001:]]
    counts = [{"llm": len(file)} for file in files]
    assert kept(counts, files, KEEP) == kept([{"llm": ROWS}], [rows], KEEP)


def test_what_is_kept_of_a_history_that_grew_was_kept_before_or_is_new():
    before = set(kept([{"llm": ROWS}], [records(ROWS)], KEEP))
    grown = records(ROWS + 3_000)
    after = kept([{"llm": len(grown)}], [grown], KEEP)
    new = {record.id for record in grown[ROWS:]}
    assert set(after) <= before | new


def test_each_llm_has_rows_of_its_own():
    rows = [*records(5_000, "busy"), *records(50, "rare")]
    found = kept([{"busy": 5_000, "rare": 50}], [rows], 100)
    assert sum(name.startswith("rare") for name in found) == 50
    assert sum(name.startswith("busy") for name in found) == pytest.approx(100, abs=30)


def test_a_caller_with_many_rows_leaves_room_for_others():
    assert fair_caps({"loud": 10_000, "quiet": 30, "other": 500}, 300) == {
        "quiet": 30,
        "other": 135,
        "loud": 135,
    }


def test_callers_share_what_is_kept_of_an_llm():
    found = quotas({Stratum("m", "loud"): 1_000, Stratum("m", "quiet"): 10}, 110)
    assert found[Stratum("m", "quiet")] == Quota(0, "")
    assert found[Stratum("m", "loud")].newest_from == 950


def test_the_decision_can_be_written_in_sql():
    """As in docs/scale.md; PostgreSQL, DuckDB, Spark and BigQuery have md5 of their own."""
    quota = Quota.from_counts(ROWS, KEEP)
    with sqlite3.connect(":memory:") as database:
        database.create_function("md5", 1, lambda text: hashlib.md5(text.encode()).hexdigest())
        database.execute("CREATE TABLE rows (number INTEGER, id TEXT)")
        rows = [(number, record.id) for number, record in enumerate(records(ROWS))]
        database.executemany("INSERT INTO rows VALUES (?, ?)", rows)
        found = database.execute(
            "SELECT id FROM rows WHERE number >= ? OR substr(md5(id), 1, 8) < ? ORDER BY number",
            (quota.newest_from, quota.below),
        )
        assert [name for (name,) in found] == kept([{"llm": ROWS}], [records(ROWS)], KEEP)


def test_ids_that_no_encoding_can_write_have_a_hash():
    assert len(id_hash("\ud800")) == 8


def test_an_encoding_holds_what_is_selected_and_nothing_else(tmp_path):
    history = write_history(tmp_path / "history", rows=400, files=4)
    rows, encoded = encode(plan_of(history, keep_per_model=100), tmp_path / "parts")
    assert rows == encoded
    assert 75 <= rows <= 125
    held = EncodedHistory(Place.at(str(tmp_path / "parts")))
    ids = [record.id for chunk in held for record in chunk.records]
    assert len(ids) == rows
    assert built_of_parts(tmp_path / "parts", tmp_path / "out")["rows"] == rows


def test_fewer_than_no_rows_cannot_be_kept(tmp_path):
    history = write_history(tmp_path / "history")
    with pytest.raises(InvalidInputError, match="--keep-per-model is -1"):
        plan_of(history, keep_per_model=-1)
