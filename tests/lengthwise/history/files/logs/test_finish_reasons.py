"""Why an answer ended is read wherever its length was read, in all spellings."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History, HistoryReadError
from lengthwise.index.record import HistoryRecord
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.apis import chat_response, response_object
from tests.lengthwise.history.files.logs.examples.log import ASKED
from tests.lengthwise.history.files.logs.examples.observing import (
    langfuse_observation,
    litellm_payload,
)

ROW = {"prompt": "hi", "output_tokens": 7}


def read(folder: Path, row: dict[str, Any]) -> tuple[HistoryRecord, History]:
    history = History.from_paths(write_json_lines(folder / "h.jsonl", [row]))
    (record,) = history
    return record, history


@pytest.mark.parametrize(
    "reason",
    [
        "MAX_TOKENS",
        "FinishReason.MAX_TOKENS",
        "FINISH_REASON_MAX_TOKENS",
        ["length"],
        "['length']",
        '["length"]',
        {"type": "length", "length": 7},
        "{'type': 'length', 'length': 7}",
        {"reason": "max_output_tokens"},
        "incomplete",
        "max_completion_tokens",
        "model_context_window_exceeded",
        ["stop", "length"],
    ],
)
def test_an_answer_that_was_cut_is_known_in_every_spelling(tmp_path: Path, reason: object) -> None:
    record, _ = read(tmp_path, ROW | {"finish_reason": reason})
    assert record.censored


@pytest.mark.parametrize("reason", ["STOP", ["stop"], {"type": "stop", "matched": 2}, "end_turn"])
def test_an_answer_that_ended_is_known_in_every_spelling(tmp_path: Path, reason: object) -> None:
    record, history = read(tmp_path, ROW | {"finish_reason": reason, "max_tokens": 7})
    assert not record.censored
    assert not history.report.notes


@pytest.mark.parametrize(("limit", "censored"), [(7, True), (8, False), (None, False)])
def test_an_unknown_reason_at_exactly_the_limit_is_a_cut_and_is_named(
    tmp_path: Path, limit: int | None, *, censored: bool
) -> None:
    row = ROW | {"finish_reason": "engine_said_so", "max_tokens": limit}
    record, history = read(tmp_path, row)
    assert record.censored is censored
    assert history.report.summary().endswith(
        "unknown finish reasons: 'engine_said_so' 1; counted as cut off at exactly the limit, "
        "else as ended"
    )


def test_an_unknown_reason_that_may_be_text_is_only_measured(tmp_path: Path) -> None:
    _, history = read(tmp_path, ROW | {"finish_reason": "my secret answer to you"})
    assert "secret" not in history.report.summary()


@pytest.mark.parametrize("nested", [False, True])
def test_the_reason_in_choices_counts_where_the_usage_beside_it_does(
    tmp_path: Path, *, nested: bool
) -> None:
    response = chat_response(7, "length")
    row = {"messages": ASKED} | ({"response": response} if nested else response)
    record, _ = read(tmp_path, row)
    assert (record.output_tokens, record.censored) == (7, True)


def test_a_response_that_is_incomplete_at_its_limit_is_cut(tmp_path: Path) -> None:
    row = response_object(7, "incomplete", incomplete_details={"reason": "max_output_tokens"})
    record, _ = read(tmp_path, row)
    assert record.censored


def test_the_engines_own_word_counts_before_the_stop_that_litellm_writes_for_it(
    tmp_path: Path,
) -> None:
    response = chat_response(7, "stop")
    response["choices"][0]["provider_specific_fields"] = {"native_finish_reason": "abort"}
    record, _ = read(tmp_path, litellm_payload(completion_tokens=7, response=response))
    assert record.censored


def test_a_log_without_reasons_is_judged_by_its_limit(tmp_path: Path) -> None:
    record, _ = read(tmp_path, langfuse_observation(64))
    assert record.censored


@pytest.mark.parametrize("reason", [5, {"kind": "length"}, [3]])
def test_what_is_no_reason_is_refused(tmp_path: Path, reason: object) -> None:
    with pytest.raises(HistoryReadError, match=r"finish_reason is .*: expected text"):
        read(tmp_path, ROW | {"finish_reason": reason})
