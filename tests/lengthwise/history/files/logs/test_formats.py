"""Every tool's log goes in as it is written, and it is said what it was read as."""

from pathlib import Path

import pytest

from lengthwise.history.files import History, HistoryReadError, ReadOptions
from lengthwise.history.files.row_schemas.logs.registry import LOG_SCHEMAS
from lengthwise.index.errors import InvalidInputError
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples import LOGS
from tests.lengthwise.history.files.logs.examples.log import Log
from tests.lengthwise.history.files.logs.examples.serving import AIPERF_INPUTS as INPUTS
from tests.lengthwise.history.files.logs.examples.serving import aiperf_record

TITLES = {schema.name: schema.title for schema in LOG_SCHEMAS}

each_log = pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.name}{log.suffix}")


@each_log
def test_two_answers_become_the_records_that_they_are(tmp_path: Path, log: Log) -> None:
    path, options = log.write(tmp_path)
    history = History.from_paths(path, ReadOptions(**options))
    records = list(history)
    assert [(r.prompt, r.output_tokens, r.finish_reason, r.model) for r in records] == [
        (log.prompt, 5, "stop", "" if log.name in ("sglang", "tgi") else "m"),
        (log.prompt, 64, "length", "" if log.name in ("sglang", "tgi") else "m"),
    ]
    assert history.report.summary().startswith(f"read as {TITLES[log.name]}: 2 records from 2 rows")


@each_log
def test_a_log_is_read_alike_whether_named_or_recognised(tmp_path: Path, log: Log) -> None:
    path, options = log.write(tmp_path)
    recognised = list(History.from_paths(path, ReadOptions(**options)))
    assert list(History.from_paths(path, ReadOptions(**options, format=log.name))) == recognised


@pytest.mark.parametrize("log", [log for log in LOGS if log.failed], ids=lambda log: log.name)
def test_a_request_that_failed_is_left_out_and_counted(tmp_path: Path, log: Log) -> None:
    path, options = log.write(tmp_path, [*log.rows, dict(log.failed)])
    history = History.from_paths(path, ReadOptions(**options))
    assert len(list(history)) == 2
    cause = "cancelled" if log.name == "sglang" else "failed"
    assert history.report.left_out == {cause: 1}
    assert f"1 left out: 1 {cause}" in history.report.summary()


def test_every_format_has_an_example() -> None:
    assert {log.name for log in LOGS} == {schema.name for schema in LOG_SCHEMAS}


def test_an_unknown_format_names_those_that_there_are(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [{"prompt": "hi", "output_tokens": 1}])
    with pytest.raises(InvalidInputError, match="format is 'lite': expected one of auto, columns,"):
        list(History.from_paths(path, ReadOptions(format="lite")))


def test_whoever_names_the_columns_gets_no_row_schema_of_a_tool(tmp_path: Path) -> None:
    log = next(log for log in LOGS if log.name == "tgi")
    path, _ = log.write(tmp_path)
    options = ReadOptions(prompt_column="inputs", output_tokens_column="details.generated_tokens")
    history = History.from_paths(path, options)
    assert [record.output_tokens for record in history] == [5, 64]
    assert not history.report.read_as


def test_a_column_may_be_named_instead_of_the_tools_own(tmp_path: Path) -> None:
    log = LOGS[0]
    rows = [{**row, "tenant": "north"} for row in log.rows]
    path, _ = log.write(tmp_path, rows)
    records = History.from_paths(path, ReadOptions(group_column="tenant"))
    assert {record.group for record in records} == {"north"}


def test_the_inputs_that_aiperf_wrote_beside_its_records_are_found(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "profile_export.jsonl", [aiperf_record("s-1", 5)])
    write_json_lines(tmp_path / "inputs.json", [INPUTS])
    (record,) = History.from_paths(path)
    assert (record.output_tokens, record.max_tokens) == (5, 64)


def test_a_log_without_prompts_says_how_to_get_them(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "profile_export.jsonl", [aiperf_record("s-1", 5)])
    with pytest.raises(HistoryReadError, match="expected AIPerf's inputs"):
        list(History.from_paths(path))


def test_a_log_of_unreadable_rows_is_not_read_as_the_log_before_it(tmp_path: Path) -> None:
    (tgi,) = [log for log in LOGS if log.name == "tgi"]
    write_json_lines(tmp_path / "a.jsonl", tgi.rows)
    rows = [*[5] * 60, {"prompt": "Name a lake.", "output_tokens": 7}]
    write_json_lines(tmp_path / "b.jsonl", rows)
    history = History.from_paths(tmp_path, ReadOptions(on_error="skip"))
    assert [record.output_tokens for record in history] == [5, 64, 7]
    assert history.report.skipped == {"bad JSON": 60}


def test_a_row_that_is_no_report_is_a_bad_row_and_does_not_vanish(tmp_path: Path) -> None:
    (log,) = [log for log in LOGS if log.name == "guidellm"]
    path = write_json_lines(tmp_path / "h.jsonl", [*log.rows, {"duration": 3}])
    history = History.from_paths(path, ReadOptions(on_error="skip"))
    assert len(list(history)) == 2
    assert history.report.skipped == {"no prompt": 1}
