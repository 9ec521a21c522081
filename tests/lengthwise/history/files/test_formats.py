"""Every format gives the same records."""

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lengthwise.history.files import History, ReadOptions, read_history
from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.formats.base import BytePosition
from lengthwise.history.files.formats.parquet import Parquet
from lengthwise.index.record import HistoryRecord
from tests.lengthwise.history.files.files import (
    ROWS,
    write_any,
    write_bytes,
    write_csv,
    write_json_lines,
    write_parquet,
)

NAMES = [
    "h.jsonl",
    "h.ndjson.gz",
    "h.json-lines.zst",
    "h.csv",
    "h.csv.gz",
    "h.csv.zst",
    "h.parquet",
]

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30
)
records = st.builds(
    HistoryRecord,
    prompt=texts.filter(str.strip),
    output_tokens=st.integers(0, 10_000_000),
    model=texts,
    id=texts,
    max_tokens=st.none() | st.integers(1, 10_000),
    finish_reason=st.sampled_from(["stop", "length"]),
    group=st.just("") | texts,
    samples=st.lists(st.integers(0, 1000), max_size=3).map(tuple),
    temperature=st.none() | st.sampled_from([0.0, 0.25, 0.7, 2.0]),
)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_rows_as_they_are(tmp_path: Path, name: str) -> None:
    path = write_any(tmp_path / name, ROWS)
    assert list(read_history([path])) == [HistoryRecord(**row) for row in ROWS]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(records, min_size=1, max_size=5))
def test_records_survive_a_round_trip_through_every_format(
    tmp_path: Path, name: str, rows: list[HistoryRecord]
) -> None:
    # An empty list in the first row would leave Parquet without a type for the lengths.
    plain = [asdict(row) | {"samples": list(row.samples) or None} for row in rows]
    path = write_any(tmp_path / name, plain)
    assert list(read_history([path])) == rows


def test_the_fingerprint_depends_on_the_rows_and_on_no_format_or_name(tmp_path: Path) -> None:
    histories = [History.from_paths(write_any(tmp_path / name, ROWS)) for name in NAMES]
    other = History.from_paths(write_json_lines(tmp_path / "other.jsonl", ROWS[:2]))
    for history in [*histories, other]:
        list(history)
    assert len({history.fingerprint for history in histories}) == 1
    assert other.fingerprint != histories[0].fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_the_byte_position_ends_at_the_total(tmp_path: Path, name: str) -> None:
    history = History.from_paths(write_any(tmp_path / name, ROWS))
    assert history.position_bytes == 0
    list(history)
    assert history.position_bytes == history.total_bytes > 0


def test_the_byte_position_grows_while_a_file_is_read(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}" * 1000, "output_tokens": n} for n in range(2000)]
    history = History.from_paths(write_parquet(tmp_path / "h.parquet", rows))
    seen = {history.position_bytes for _ in history}
    assert len(seen) > 1


def test_a_history_can_be_iterated_again(tmp_path: Path) -> None:
    history = History.from_paths(write_json_lines(tmp_path / "h.jsonl", ROWS))
    first = list(history), history.fingerprint
    assert (list(history), history.fingerprint) == first
    assert history.report.rows == history.report.records == 3


@pytest.mark.parametrize("name", ["may.jsonl", "may.jsonl.gz", "may.csv", "may.parquet"])
def test_rows_without_an_id_are_named_after_file_and_place(tmp_path: Path, name: str) -> None:
    rows = [{"prompt": "a", "output_tokens": 1}, {"prompt": "b", "output_tokens": 2}]
    first, second = read_history([write_any(tmp_path / name, rows)])
    start = 2 if "csv" in name else 1
    assert (first.id, second.id) == (f"may:{start}", f"may:{start + 1}")


def test_an_id_of_a_csv_row_is_the_line_where_the_row_begins(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "h.csv", b'prompt,output_tokens\n"two\nlines",3\nnext,4\n')
    assert [record.id for record in read_history([path])] == ["h:2", "h:4"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    table = write_bytes(tmp_path / "h.csv", mark + b"prompt,output_tokens\r\nhello,3\r\n")
    lines = write_bytes(
        tmp_path / "h.jsonl", mark + b'{"prompt":"hello","output_tokens":3}\r\n\r\n'
    )
    for path in (table, lines):
        (record,) = read_history([path])
        assert (record.prompt, record.output_tokens) == ("hello", 3)


def test_a_csv_cell_may_be_a_very_long_prompt(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "h.csv", [{"prompt": "x" * 300_000, "output_tokens": 1}])
    assert len(next(read_history([path])).prompt) == 300_000


def test_whole_floats_and_numeric_text_are_lengths(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "output_tokens": value} for value in (12, 12.0, "12", "12.0", " 12 ")]
    path = write_json_lines(tmp_path / "h.jsonl", rows)
    assert {record.output_tokens for record in read_history([path])} == {12}


def test_missing_numbers_as_pandas_writes_them_are_absent(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "h.parquet",
        [
            {"prompt": "a", "output_tokens": 1.0, "max_tokens": float("nan"), "model": None},
            {"prompt": "b", "output_tokens": 2.0, "max_tokens": 100.0, "model": "m"},
        ],
    )
    assert [(r.max_tokens, r.model) for r in read_history([path])] == [(None, ""), (100, "m")]


def test_a_file_without_a_known_suffix_is_judged_by_its_content(tmp_path: Path) -> None:
    lines = write_json_lines(tmp_path / "h.log", ROWS)
    table = write_parquet(tmp_path / "h.data", ROWS)
    assert list(read_history(lines)) == list(read_history(table))


def test_gzip_is_seen_from_the_content_whatever_the_name(tmp_path: Path) -> None:
    packed = write_json_lines(tmp_path / "h.jsonl.gz", ROWS).rename(tmp_path / "h.jsonl")
    assert len(list(read_history(packed))) == 3


def test_parquet_reads_no_column_that_cannot_matter(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "usage": {"completion_tokens": 5}, "embedding": [0.5] * 9}]
    path = write_parquet(tmp_path / "h.parquet", rows)
    options = ReadOptions(output_tokens_column="usage.completion_tokens")
    file = Parquet().open(path, needed_columns(options), BytePosition())
    assert [set(row) for _, row in file.rows] == [{"prompt", "usage"}]
    assert file.columns == ("prompt", "usage", "embedding")
    assert next(read_history(path, options)).output_tokens == 5
