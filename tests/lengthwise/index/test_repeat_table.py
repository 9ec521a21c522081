"""Lengths of prompts asked before, of rows that an index does not hold."""

import numpy as np
import pytest

from lengthwise.index.decoding import Decoding
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.length_scale import to_tokens
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats import repeat_runs
from lengthwise.index.repeats.repeat_runs import RepeatCollector, table_of_rows, write_repeats
from lengthwise.index.repeats.repeat_table import NEWEST, RepeatTable
from lengthwise.index.search.rows import HistoryRows


def row(prompt, tokens, model="llm", **others):
    return HistoryRecord(prompt=prompt, output_tokens=tokens, model=model, **others)


def table(*records):
    collector = RepeatCollector()
    for record in records:
        collector.add(record)
    return collector.table()


def written(tmp_path, *runs):
    path = tmp_path / "repeats.bin"
    write_repeats(path, runs)
    return RepeatTable.open(path)


def lengths(found, query=0):
    return np.round(to_tokens(found.log_lengths[query][found.found[query]])).tolist()


def test_a_prompt_gets_its_own_lengths_of_its_own_llm_newest_first(tmp_path):
    runs = table(row("a", 10), row("b", 20), row("a", 30), row("a", 99, model="other"))
    found = written(tmp_path, runs).look_up(
        [Query("a", "llm"), Query("c", "llm"), Query("b", "llm")]
    )
    assert [lengths(found, query) for query in range(3)] == [[30, 10], [], [20]]
    assert found.any.tolist() == [True, False, True]


def test_where_no_prompt_was_asked_before_there_is_nothing(tmp_path):
    assert (
        written(tmp_path, table(row("a", 10))).look_up([Query("b", "llm"), Query("a", "m")]) is None
    )


def test_how_each_answer_was_decoded_and_whether_it_was_cut_off_is_known(tmp_path):
    greedy = row("a", 10, temperature=0.0)
    sampled = row("a", 20, temperature=0.7, finish_reason="length")
    found = written(tmp_path, table(greedy, sampled, row("a", 30))).look_up([Query("a", "llm")])
    told = zip(
        lengths(found),
        found.decodings[0].tolist(),
        found.censored[0].tolist(),
        strict=True,
    )
    assert set(told) == {
        (10, Decoding.GREEDY, False),
        (20, Decoding.SAMPLED, True),
        (30, Decoding.UNKNOWN, False),
    }


def test_of_several_tables_the_newest_lengths_stay_whatever_the_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(repeat_runs, "MERGED_LENGTHS", 7)
    older = table(*(row(f"p{i % 10}", 100 + i) for i in range(100)))
    newer = table(*(row(f"p{i % 5}", 1000 + i) for i in range(15)))
    found = written(tmp_path, newer, older)
    assert len(found) == 10 * NEWEST
    assert (np.diff(found.keys.astype(object)) >= 0).all()
    [first, last] = (found.look_up([Query(f"p{i}", "llm")]) for i in (0, 9))
    assert lengths(first) == [1010, 1005, 1000, 190, 180, 170, 160, 150]
    assert lengths(last) == [199, 189, 179, 169, 159, 149, 139, 129]


def test_a_callers_lengths_can_be_taken_out():
    both = table(row("a", 10, caller="good"), row("a", 90_000, caller="bad"), row("a", 20))
    assert lengths(both.not_of({"bad"}).look_up([Query("a", "llm")])) == [20, 10]


def test_rows_without_text_are_nobodys_repeats():
    rows = HistoryRows.from_records([row("a", 10), row("b", 20)])
    empty = HistoryRows(rows.table.set_column(5, "prompt", [["", "b"]]))
    assert len(table_of_rows(empty, np.arange(2))) == 1


def test_a_length_takes_16_bytes(tmp_path):
    path = tmp_path / "repeats.bin"
    assert write_repeats(path, [table(*(row(f"p{i}", i) for i in range(1000)))]) == 1000
    assert path.stat().st_size == 16 + 1000 * 16


def test_without_a_length_there_is_no_file(tmp_path):
    assert write_repeats(tmp_path / "repeats.bin", [table()]) == 0
    assert not (tmp_path / "repeats.bin").exists()


@pytest.mark.parametrize("content", [b"", b"LWREPEA1", b"LWREPEA1" + b"\1" + bytes(7), bytes(32)])
def test_a_file_that_is_no_table_says_so(tmp_path, content):
    (tmp_path / "repeats.bin").write_bytes(content)
    with pytest.raises(ArtifactAlteredError, match="is not a table of repeats"):
        RepeatTable.open(tmp_path / "repeats.bin")
