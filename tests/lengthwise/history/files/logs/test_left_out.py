"""Rows that are no answers of an LLM are left out, and counted by cause."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History, HistoryEmptyError, ReadOptions
from tests.lengthwise.history.files.files import write_any, write_json_lines
from tests.lengthwise.history.files.logs.examples import LOGS
from tests.lengthwise.history.files.logs.examples.apis import (
    batch_request,
    chat_response,
    response_object,
)
from tests.lengthwise.history.files.logs.examples.log import ASKED
from tests.lengthwise.history.files.logs.examples.observing import (
    langfuse_observation,
    litellm_payload,
    litellm_spend,
    openllmetry_span,
    otel_span,
    otlp,
    phoenix_span,
)
from tests.lengthwise.history.files.logs.examples.serving import guidellm_request, sglang_event

CLIENT_LEFT = {"error_code": "499", "error_class": "ClientDisconnected"}
GENERIC = {"prompt": "Name a lake.", "output_tokens": 5}


def left_out(folder: Path, good: dict[str, Any], *others: dict[str, Any]) -> dict[str, int]:
    """Read one good row and others; give what was left out, once the good one came through."""
    history = History.from_paths(write_json_lines(folder / "h.jsonl", [good, *others]))
    assert len(list(history)) == 1
    return dict(history.report.left_out)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"error_information": CLIENT_LEFT}, "cancelled"),  # its status is still success
        ({"metadata": {"error_information": CLIENT_LEFT}}, "cancelled"),
        ({"metadata": {"client_disconnected": True}}, "cancelled"),
        ({"status": "failure", "error_information": {"error_code": "400"}}, "failed"),
        ({"call_type": "aembedding", "completion_tokens": 0}, "embedding"),
        ({"call_type": "arerank"}, "rerank"),
        ({"call_type": "create_batch"}, "not a generation"),
        ({"cache_hit": True}, "cached"),
        ({"completion_tokens": 0, "response": {}}, "without an answer"),
        (
            {"messages": [{"role": "user", "content": "redacted-by-litellm"}]},
            "with a redacted prompt",
        ),
    ],
)
def test_of_litellm_only_whole_answers_are_learnt(
    tmp_path: Path, changes: dict[str, Any], cause: str
) -> None:
    assert left_out(tmp_path, litellm_payload(), litellm_payload(**changes)) == {cause: 1}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"metadata": '{"error_information": {"error_code": "499"}}'}, "cancelled"),
        ({"metadata": '{"status": "failure"}', "status": None}, "failed"),
        ({"cache_hit": "True"}, "cached"),
    ],
)
def test_json_in_the_texts_of_litellms_table_is_looked_into(
    tmp_path: Path, changes: dict[str, Any], cause: str
) -> None:
    good = litellm_spend(5, "stop")
    assert left_out(tmp_path, good, litellm_spend(5, "stop", **changes)) == {cause: 1}


@pytest.mark.parametrize(
    ("good", "other", "cause"),
    [
        (GENERIC, GENERIC | {"status": "failed"}, "failed"),
        (GENERIC, GENERIC | {"status": "Cancelled"}, "cancelled"),
        (GENERIC, GENERIC | {"status_code": 500}, "failed"),
        (GENERIC, GENERIC | {"status": 499}, "cancelled"),
        (GENERIC, GENERIC | {"error": "connection reset"}, "failed"),
        (GENERIC, GENERIC | {"cache_hit": True}, "cached"),
        (GENERIC, GENERIC | {"url": "/v1/embeddings"}, "embedding"),
        (
            {"messages": ASKED, **chat_response(5, "stop")},
            {"messages": ASKED, **chat_response(5, "stop"), "cache_hit": True},
            "cached",
        ),
        (
            {"messages": ASKED, **chat_response(5, "stop")},
            {"messages": ASKED, **chat_response(0, "abort")},
            "failed",
        ),
        (response_object(5, "completed"), response_object(2, "cancelled"), "cancelled"),
        (response_object(5, "completed"), response_object(2, "in_progress"), "still running"),
        (phoenix_span(5, "stop"), phoenix_span(0, "stop", span_kind="EMBEDDING"), "embedding"),
        (phoenix_span(5, "stop"), phoenix_span(0, "stop", span_kind="TOOL"), "not a generation"),
        (langfuse_observation(5), langfuse_observation(0, type="EMBEDDING"), "embedding"),
        (langfuse_observation(5), langfuse_observation(0, type="SPAN"), "not a generation"),
        (
            otlp(otel_span(5, "stop")),
            otlp(otel_span(0, "stop", **{"gen_ai.operation.name": {"stringValue": "embeddings"}})),
            "embedding",
        ),
        (
            otlp(openllmetry_span(5, "stop", kind="unknown")),
            otlp(openllmetry_span(0, "stop", kind="embedding")),
            "embedding",
        ),
        (
            otlp(otel_span(5, "stop")),
            otlp({"name": "GET /", "attributes": [], "status": {}}),
            "not a generation",
        ),
        (
            sglang_event(5, "stop"),
            sglang_event(5, "stop") | {"event": "request.received", "out": None},
            "without an answer",
        ),
    ],
)
def test_every_log_says_in_its_own_way_what_is_no_answer(
    tmp_path: Path, good: dict[str, Any], other: dict[str, Any], cause: str
) -> None:
    assert left_out(tmp_path, good, other) == {cause: 1}


def test_no_error_and_no_cache_are_no_cause_in_any_spelling(tmp_path: Path) -> None:
    fine = {"error": None, "cache_hit": "False", "cached": False, "status": "success"}
    rows = [GENERIC | fine, GENERIC | {"error": "", "status_code": 200}, GENERIC | {"error": {}}]
    rows += [GENERIC | {"error": 0.25}, GENERIC | {"path": "/data/images/scores.txt"}]
    history = History.from_paths(write_json_lines(tmp_path / "h.jsonl", rows))
    assert len(list(history)) == len(rows)


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions(prompt_column="q")])
def test_a_failed_row_is_left_out_whatever_the_format_and_whatever_columns_are_chosen(
    tmp_path: Path, name: str, options: ReadOptions
) -> None:
    good = {options.prompt_column: "Name a lake.", "output_tokens": 5}
    fine = {"http_status": 200, "state": "x", "status": "ok", "path": "/v1/chat", "cached": False}
    rows: list[dict[str, Any]] = [
        good | fine,
        good | fine | {"http_status": 500},
        good | fine | {"status": "failed"},
        good | fine | {"path": "/v1/embeddings"},
        good | fine | {"cached": True},
    ]
    history = History.from_paths(write_any(tmp_path / name, rows), options)
    assert len(list(history)) == 1
    assert history.report.left_out == {"failed": 2, "embedding": 1, "cached": 1}


@pytest.mark.parametrize("word", ["False", "0", "no", "None", "null", "NaN", " false "])
def test_a_table_that_writes_out_that_there_was_no_error_has_none(
    tmp_path: Path, word: str
) -> None:
    rows = [GENERIC | {"error": word}, GENERIC | {"error": "True"}]
    history = History.from_paths(write_any(tmp_path / "h.csv", rows))
    assert len(list(history)) == 1
    assert history.report.left_out == {"failed": 1}


def test_requests_of_a_benchmark_that_failed_or_ran_out_of_time_are_left_out(
    tmp_path: Path,
) -> None:
    (log,) = [log for log in LOGS if log.name == "guidellm"]
    requests = log.rows[0]["benchmarks"][0]["requests"]
    rows = [
        {
            "benchmarks": [
                {
                    "requests": requests
                    | {"errored": [guidellm_request(0)], "incomplete": [guidellm_request(3)]}
                }
            ]
        }
    ]
    path, _ = log.write(tmp_path, rows)
    history = History.from_paths(path)
    assert len(list(history)) == 2
    assert history.report.left_out == {"failed": 1, "cancelled": 1}


def test_failed_requests_of_vllms_benchmark_are_left_out(tmp_path: Path) -> None:
    prompts = write_json_lines(tmp_path / "p.jsonl", [{"prompt": "a"}, {"prompt": "b"}])
    results = {"input_lens": [1, 1], "output_lens": [0, 7], "errors": ["no route", ""]}
    answers = write_json_lines(tmp_path / "bench.json", [results])
    options = ReadOptions(answers=str(answers), join_on="row-number")
    history = History.from_paths(prompts, options)
    assert [(record.prompt, record.output_tokens) for record in history] == [("b", 7)]
    assert history.report.left_out == {"failed": 1}


def test_embeddings_in_a_batch_are_left_out(tmp_path: Path) -> None:
    (log,) = [log for log in LOGS if log.name == "openai-batch"]
    other = batch_request("c") | {"url": "/v1/embeddings"}
    path, options = log.write(tmp_path, [*log.rows, other])
    history = History.from_paths(path, ReadOptions(**options))
    assert len(list(history)) == 2
    assert history.report.left_out == {"embedding": 1}


def test_the_summary_says_what_was_read_and_what_was_left_out(tmp_path: Path) -> None:
    rows = [litellm_payload()] * 3
    rows += [litellm_payload(status="failure")] * 2 + [litellm_payload(cache_hit=True)]
    history = History.from_paths(write_json_lines(tmp_path / "h.jsonl", rows))
    assert len(list(history)) == 3
    assert history.report.summary() == (
        "read as LiteLLM spend rows: 3 records from 6 rows; 3 left out: 2 failed, 1 cached"
    )


def test_a_log_of_failures_alone_says_so(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [litellm_payload(status="failure")])
    with pytest.raises(HistoryEmptyError, match=r"no usable row: read as .* 1 left out: 1 failed"):
        list(History.from_paths(path))
