"""Bad input is named with its place, and what is skipped is counted."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lengthwise.history.files import (
    History,
    HistoryColumnError,
    HistoryEmptyError,
    HistoryReadError,
    HistoryTruncatedError,
    ReadOptions,
    read_history,
)
from lengthwise.index.errors import InvalidInputError
from tests.lengthwise.history.files.files import (
    ROWS,
    write_bytes,
    write_csv,
    write_json_lines,
    write_parquet,
)

SKIP = ReadOptions(on_error="skip")
GOOD = {"prompt": "fine", "output_tokens": 1}


def message(path: Path, options: ReadOptions | None = None) -> str:
    """Read until it fails and give the message, without the folder that changes with each run."""
    with pytest.raises(HistoryReadError) as caught:
        list(read_history([path], options))
    return str(caught.value).replace(str(path.parent) + "/", "")


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (-3, "is -3: expected 0 to 10,000,000"),
        (99_000_000, "is 99000000: expected 0 to 10,000,000"),
        (12.5, "is 12.5: expected a whole number, 0 to 10,000,000"),
        ("12.5", "is '12.5': expected a whole number, 0 to 10,000,000"),
        (float("nan"), "is nan: expected a whole number, 0 to 10,000,000"),
        (float("inf"), "is inf: expected a whole number, 0 to 10,000,000"),
        (True, "is true: expected a whole number, 0 to 10,000,000"),
        ("abc", "is a text of 3 characters: expected a whole number, 0 to 10,000,000"),
        ([1], "is a list: expected a whole number, 0 to 10,000,000"),
        (10**400, "is beyond 10^18: expected 0 to 10,000,000"),
    ],
)
def test_a_length_that_is_none_is_refused(tmp_path: Path, tokens: object, words: str) -> None:
    path = write_json_lines(tmp_path / "h.jsonl.gz", [GOOD, GOOD | {"output_tokens": tokens}])
    assert message(path) == f"h.jsonl.gz, line 2: output_tokens {words}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": ""}, "prompt is empty: expected at least one visible character"),
        ({"prompt": " \n"}, "prompt is empty: expected at least one visible character"),
        ({"prompt": None}, "prompt is empty: expected text"),
        ({"prompt": 5}, "prompt is 5: expected text"),
        (
            {"prompt": "x" * 4_000_001},
            "prompt has 4,000,001 characters: expected at most 4,000,000",
        ),
        (
            {"prompt": "a\ud83d"},
            "prompt is invalid Unicode at character 2: half of a surrogate pair",
        ),
        ({"max_tokens": 0}, "max_tokens is 0: expected 1 to 10,000,000"),
        ({"temperature": -0.5}, "temperature is -0.5: expected a number, 0 to 100"),
        ({"temperature": "101"}, "temperature is '101': expected a number, 0 to 100"),
        ({"temperature": 10**400}, "temperature is beyond 10^18: expected a number, 0 to 100"),
        ({"temperature": True}, "temperature is true: expected a number, 0 to 100"),
        (
            {"temperature": "warm"},
            "temperature is a text of 4 characters: expected a number, 0 to 100",
        ),
        ({"finish_reason": 3}, "finish_reason is 3: expected text"),
        ({"model": ["m"]}, "model is a list: expected text"),
        ({"samples": [3, -1]}, "samples[1] is -1: expected 0 to 10,000,000"),
        ({"samples": 3}, "samples is 3: expected a list of lengths or an object"),
        ({"lens": {"m": -1}}, "lens['m'] is -1: expected 0 to 10,000,000"),
        ({"lens": [1]}, "lens is a list: expected an object from LLM to tokens"),
    ],
)
def test_a_field_that_cannot_be_used_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [GOOD, GOOD, GOOD | change])
    assert message(path) == f"h.jsonl, line 3: {words}"


def test_an_error_carries_its_place_in_parts(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [GOOD | {"output_tokens": -3}])
    with pytest.raises(InvalidInputError) as caught:
        list(read_history(path))
    assert isinstance(caught.value, HistoryReadError)
    assert (caught.value.path, caught.value.line) == (path, 1)
    assert caught.value.reason == "output_tokens is -3: expected 0 to 10,000,000"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"prompt": "caf\xe9"}\n', "invalid UTF-8 at byte 16 of the line"),
        (b'{"prompt": secret}\n', "not valid JSON at column 12: Expecting value"),
        (b"[1, 2]\n", "the line is a list: expected an object"),
        (b"[" * 100_000 + b"\n", "not valid JSON: RecursionError"),
        (
            b"[\n",
            "the line opens a JSON array: expected one object in each line (see jq -c '.[]')",
        ),
        (
            b'{"prompt": "secret',
            "the file ends in the middle of this row, after 18 bytes of it: it was cut off",
        ),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    good = json.dumps(GOOD).encode() + b"\n"
    assert message(write_bytes(tmp_path / "h.jsonl", good + line)) == f"h.jsonl, line 2: {words}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"one cell\n", "line 3: 1 cells for 2 columns in the header"),
        (b"caf\xe9,3\n", "line 3: 'prompt' holds invalid UTF-8"),
        (b'"secret\n\n', "line 3: the file ends inside a quoted cell: it was cut off"),
        (b",3\n", "line 3: prompt is empty: expected text"),
        (
            b"hello,\n",
            "line 3: no output length: expected 'output_tokens' (--output-tokens-column), "
            "'lens' (--lengths-by-model-column) or 'response' (--answer-column); "
            "the columns there are 'output_tokens', 'prompt'",
        ),
    ],
)
def test_a_broken_csv_row_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    path = write_bytes(tmp_path / "h.csv", b"prompt,output_tokens\nfine,1\n" + line)
    assert message(path) == f"h.csv, {words}"


def test_a_csv_header_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "h.csv", b"prompt,n,n\nfine,1,1\n")
    assert message(path) == "h.csv, line 1: the header has columns twice: 'n'"


def test_a_missing_prompt_column_lists_what_is_there_and_what_names_it(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "h.csv", [{"text": "secret", "output_tokens": 1}])
    assert message(path) == (
        "h.csv: no prompt: expected 'prompt' (--prompt-column), 'messages' (--messages-column) or "
        "'conversations' (--conversations-column); the columns there are 'output_tokens', 'text'"
    )


def test_a_missing_length_column_lists_what_is_there_and_what_names_it(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "h.parquet", [{"prompt": "secret", "n": 1}])
    assert message(path) == (
        "h.parquet: no output length: expected 'output_tokens' (--output-tokens-column), "
        "'lens' (--lengths-by-model-column) or 'response' (--answer-column); "
        "the columns there are 'n', 'prompt'"
    )


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_column_that_an_option_names_must_exist(tmp_path: Path, on_error: Any) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [GOOD])
    options = ReadOptions(max_tokens_column="limit", on_error=on_error)
    with pytest.raises(HistoryColumnError) as caught:
        list(read_history(path, options))
    assert caught.value.reason == (
        "no column 'limit', which --max-tokens-column names; "
        "the columns there are 'output_tokens', 'prompt'"
    )


def test_a_prompt_that_stands_where_a_header_should_is_not_repeated(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "h.csv", b"my secret question,12\nanother,13\n")
    assert message(path).endswith("the columns there are '12', (a name of 18 characters)")


@pytest.mark.parametrize("name", ["h.jsonl", "h.jsonl.gz", "h.csv", "h.csv.gz"])
def test_an_empty_file_has_nothing_to_learn_from(tmp_path: Path, name: str) -> None:
    path = write_bytes(tmp_path / name, b"")
    assert message(path) == f"{name}: no rows: nothing to learn from"
    path.write_bytes(b"")
    assert message(path) == f"{name}: no rows: nothing to learn from"


def test_a_table_without_rows_has_nothing_to_learn_from(tmp_path: Path) -> None:
    header = write_bytes(tmp_path / "h.csv", b"prompt,output_tokens\n")
    table = write_parquet(tmp_path / "h.parquet", [])
    assert message(header) == "h.csv: no rows: nothing to learn from"
    assert message(table) == "h.parquet: no rows: nothing to learn from"


def test_many_files_without_a_row_are_one_error(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.csv"):
        write_bytes(tmp_path / name, b"")
    with pytest.raises(HistoryEmptyError, match=r"^2 files: no rows: nothing to learn from$"):
        list(read_history(tmp_path))


def test_no_usable_row_at_all_is_an_error_even_when_rows_are_skipped(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [GOOD | {"output_tokens": -1}] * 3)
    assert message(path, SKIP) == (
        "h.jsonl: no usable row: 3 skipped (3 bad output_tokens); the first: "
        "h.jsonl, line 1: output_tokens is -1: expected 0 to 10,000,000"
    )


@pytest.mark.parametrize("name", ["h.jsonl.gz", "h.csv.gz", "h.jsonl.zst"])
def test_what_is_named_compressed_and_is_not_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b'{"prompt": "hi", "output_tokens": 1}\n')
    suffix = path.suffix
    assert message(path) == f"{name}: is named {suffix} but does not begin as such a file"


def test_a_file_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "notes.txt", b"secret words")
    assert message(path).startswith("notes.txt: unknown kind of file: expected a name that ends in")


def test_skipping_counts_by_kind_and_keeps_the_first_examples(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"output_tokens": -1}, 5, GOOD | {"prompt": ""}, GOOD]
    path = write_json_lines(tmp_path / "h.jsonl", [*rows, *[GOOD | {"output_tokens": "x"}] * 9])
    history = History.from_paths(path, SKIP)
    assert len(list(history)) == 2
    assert history.report.skipped == {"bad output_tokens": 10, "bad JSON": 1, "bad prompt": 1}
    assert history.report.examples[0] == (
        f"{path}, line 2: output_tokens is -1: expected 0 to 10,000,000"
    )
    assert len(history.report.examples) == 5
    assert history.report.summary() == (
        "2 records from 14 rows; 12 skipped (10 bad output_tokens, 1 bad JSON, 1 bad prompt)"
    )


def test_skipping_goes_on_after_a_bad_csv_row(tmp_path: Path) -> None:
    data = b'prompt,output_tokens\na,1\nb\xff,2\nc,"3" x\nd,4\ne\nf,6\n'
    history = History.from_paths(write_bytes(tmp_path / "h.csv", data), SKIP)
    assert [record.prompt for record in history] == ["a", "d", "f"]
    assert history.report.skipped == {"bad UTF-8": 1, "bad CSV": 2}


def test_an_invalid_text_in_parquet_costs_its_row_only(tmp_path: Path) -> None:
    texts = pa.array([b"a", b"caf\xe9", b"c"], pa.binary()).cast(pa.string(), safe=False)
    rows = write_parquet(tmp_path / "h.parquet", ROWS)
    pq.write_table(pa.table({"prompt": texts, "output_tokens": [1, 2, 3]}), rows)
    history = History.from_paths(rows, SKIP)
    assert [record.prompt for record in history] == ["a", "c"]
    assert message(rows) == "h.parquet, row 2: a text is invalid UTF-8"


MANY = [{"prompt": f"question {n} " * (n % 7 + 1), "output_tokens": n} for n in range(1500)]
PACKED = gzip.compress(
    b"".join(json.dumps(row).encode() + b"\n" for row in MANY), compresslevel=1, mtime=0
)


def test_a_cut_off_gzip_says_where_and_which_line_was_the_last(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(PACKED[:5000])
    history = History.from_paths(path, SKIP)
    whole = len(list(history))
    assert 0 < whole < len(MANY)
    assert history.report.skipped == {"cut-off file": 1}
    assert message(path) == (
        f"h.jsonl.gz, line {whole}: the compressed stream is cut off at byte 5,000, "
        "the end of the file; this line was the last whole one read"
    )
    with pytest.raises(HistoryTruncatedError):
        list(read_history(path))


def test_a_gzip_without_a_whole_line_says_so(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(PACKED[:12])
    assert message(path) == (
        "h.jsonl.gz: the compressed stream is cut off at byte 12, the end of the file, "
        "before its first whole line"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, len(PACKED)))
def test_a_gzip_cut_anywhere_keeps_a_prefix_and_raises_nothing_else(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(PACKED[:size])
    kept: list[int] = []
    try:
        kept.extend(record.output_tokens for record in read_history(path, SKIP))
    except HistoryReadError as error:
        assert isinstance(error, HistoryEmptyError)  # noqa: PT017 (it may also go well)
    assert kept == list(range(len(kept)))
    assert (len(kept) == len(MANY)) >= (size == len(PACKED))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(PACKED) - 1), value=st.integers(0, 255))
def test_a_damaged_gzip_raises_nothing_but_read_errors(
    tmp_path: Path, position: int, value: int
) -> None:
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(PACKED[:position] + bytes([value]) + PACKED[position + 1 :])
    for options in (SKIP, ReadOptions()):
        try:
            list(read_history(path, options))
        except HistoryReadError as error:
            assert error.path == path  # noqa: PT017 (it may also go well)


def test_rows_of_the_files_after_a_cut_off_one_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(PACKED[:5000])
    write_json_lines(tmp_path / "b.jsonl", [GOOD | {"id": "last"}])
    assert list(read_history(tmp_path, SKIP))[-1].id == "last"


def test_a_cut_off_zstd_keeps_a_prefix(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl.zst", MANY)
    path.write_bytes(path.read_bytes()[:-20])
    history = History.from_paths(path, SKIP)
    assert [r.output_tokens for r in history] == list(range(history.report.records))
    assert history.report.skipped == {"cut-off file": 1}
    with pytest.raises(HistoryTruncatedError, match="the compressed stream is cut off at byte"):
        list(read_history(path))


@pytest.mark.parametrize("size", [0, 4, 100, 1000])
def test_a_cut_off_parquet_is_no_whole_file(tmp_path: Path, size: int) -> None:
    path = write_parquet(tmp_path / "h.parquet", MANY)
    path.write_bytes(path.read_bytes()[:size])
    assert message(path).startswith("h.parquet: not a whole Parquet file: ")


def test_a_damaged_page_of_parquet_is_named_with_the_last_good_row(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "h.parquet", MANY, row_group_size=1200)
    second = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = second.dictionary_page_offset
    data[start : start + 20] = bytes(20)
    path.write_bytes(data)
    assert message(path).startswith("h.parquet, row 1024: not a whole Parquet file: ")
    kept = read_history(path, SKIP)
    assert [record.output_tokens for record in kept] == list(range(1024))


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lengthwise.history.files.formats.lines.MAX_LINE_BYTES", 1000)
    path = write_json_lines(tmp_path / "h.jsonl", [GOOD, GOOD | {"prompt": "x" * 2000}])
    assert message(path) == (
        "h.jsonl, line 2: longer than 1,000 bytes: expected one row in each line"
    )
