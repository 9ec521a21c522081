"""Prompts in one file find their answers in another."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History, HistoryReadError, ReadOptions
from lengthwise.index.errors import InvalidInputError
from tests.lengthwise.history.files.files import write_any, write_bytes, write_json_lines
from tests.lengthwise.history.files.logs.examples.apis import (
    batch_answer,
    batch_request,
    chat_response,
)

PROMPTS = [{"key": name, "prompt": f"Name {name}."} for name in "abc"]
ANSWERS = [{"key": name, "output_tokens": tokens} for name, tokens in (("c", 3), ("a", 1))]


@pytest.mark.parametrize("prompts", ["p.jsonl", "p.csv", "p.parquet"])
@pytest.mark.parametrize("answers", ["a.jsonl.gz", "a.csv", "a.parquet"])
def test_files_of_any_format_are_joined_on_a_column(
    tmp_path: Path, prompts: str, answers: str
) -> None:
    path = write_any(tmp_path / prompts, PROMPTS)
    other = write_any(tmp_path / answers, ANSWERS)
    history = History.from_paths(path, ReadOptions(answers=str(other), join_on="key"))
    assert [(r.prompt, r.output_tokens) for r in history] == [("Name a.", 1), ("Name c.", 3)]
    assert history.report.left_out == {"without an answer": 1}


def test_a_history_is_joined_again_each_time_it_is_read(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    other = write_json_lines(tmp_path / "a.jsonl", ANSWERS)
    history = History.from_paths(path, ReadOptions(answers=str(other), join_on="key"))
    assert list(history) == list(history)


def test_a_column_of_the_other_file_can_be_named(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [{"key": 7, "id": "own", "prompt": "hi"}])
    other = write_json_lines(tmp_path / "a.jsonl", [{"key": 7, "id": "theirs", "n": 4}])
    options = {"answers": str(other), "join_on": "key", "output_tokens_column": "n"}
    (record,) = History.from_paths(path, ReadOptions(**options, id_column="answers.id"))
    assert (record.id, record.output_tokens) == ("theirs", 4)


def test_of_two_answers_to_one_prompt_the_last_counts(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS[:1])
    twice = [{"key": "a", "output_tokens": tokens} for tokens in (1, 2)]
    other = write_json_lines(tmp_path / "a.jsonl", twice)
    (record,) = History.from_paths(path, ReadOptions(answers=str(other), join_on="key"))
    assert record.output_tokens == 2


def test_rows_joined_by_their_numbers_must_be_as_many(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    other = write_json_lines(tmp_path / "a.jsonl", ANSWERS)
    options = ReadOptions(answers=str(other), join_on="row-number")
    with pytest.raises(HistoryReadError, match="2 answers for 3 prompts, joined by their numbers"):
        list(History.from_paths(path, options))


NUMBERED = [{"output_tokens": 1}, {"output_tokens": 2}, {"output_tokens": 3}]


def with_second_broken(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON lines of which the second is none."""
    lines = write_json_lines(path, rows).read_bytes().splitlines(keepends=True)
    return write_bytes(path, b"".join([lines[0], b"{broken}\n", *lines[2:]]))


def test_a_bad_answer_keeps_its_number_so_that_later_ones_stay_with_their_prompts(
    tmp_path: Path,
) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    other = with_second_broken(tmp_path / "a.jsonl", NUMBERED)
    options = ReadOptions(answers=str(other), join_on="row-number", on_error="skip")
    history = History.from_paths(path, options)
    for _ in range(2):
        assert [(r.prompt, r.output_tokens) for r in history] == [("Name a.", 1), ("Name c.", 3)]
        assert history.report.left_out == {"without an answer": 1}
        assert history.report.skipped == {"bad JSON": 1}
        assert history.report.examples[0].startswith(f"{other}, line 2: not valid JSON")


def test_a_bad_prompt_keeps_its_number_so_that_later_ones_find_their_answers(
    tmp_path: Path,
) -> None:
    path = with_second_broken(tmp_path / "p.jsonl", PROMPTS)
    other = write_json_lines(tmp_path / "a.jsonl", NUMBERED)
    options = ReadOptions(answers=str(other), join_on="row-number", on_error="skip")
    history = History.from_paths(path, options)
    assert [(r.prompt, r.output_tokens) for r in history] == [("Name a.", 1), ("Name c.", 3)]
    assert history.report.skipped == {"bad JSON": 1}


@pytest.mark.parametrize("answers", ["", "*.jsonl"])
def test_answers_that_mean_several_files_are_refused(tmp_path: Path, answers: str) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    folder = tmp_path / "answers"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        write_json_lines(folder / name, ANSWERS)
    options = ReadOptions(answers=str(folder / answers), join_on="key")
    with pytest.raises(InvalidInputError, match=r"answers is '.*': expected one file, found 2"):
        list(History.from_paths(path, options))


def test_a_bad_answer_in_parquet_is_named_by_its_row(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    rows: list[Any] = [{"key": "a", "output_tokens": 1}, {"key": None, "output_tokens": 2}]
    other = write_any(tmp_path / "a.parquet", rows)
    options = ReadOptions(answers=str(other), join_on="key")
    with pytest.raises(HistoryReadError, match=r"a\.parquet, row 2: no key to join on"):
        list(History.from_paths(path, options))


def test_a_binary_text_of_the_other_file_is_read_as_the_text_that_it_is(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [{"key": "a", "output_tokens": 4}])
    other = write_any(tmp_path / "a.parquet", [{"key": "a", "prompt": "¿Qué?".encode()}])
    (record,) = History.from_paths(path, ReadOptions(answers=str(other), join_on="key"))
    assert record.prompt == "¿Qué?"


def test_a_key_with_half_a_surrogate_pair_costs_its_row_only(tmp_path: Path) -> None:
    rows = [batch_request("a\ud83d"), batch_request("b")]
    path = write_json_lines(tmp_path / "in.jsonl", rows)
    answers = [batch_answer("b", chat_response(5, "stop"))]
    other = write_json_lines(tmp_path / "out.jsonl", answers)
    history = History.from_paths(path, ReadOptions(answers=str(other), on_error="skip"))
    assert [record.id for record in history] == ["b"]
    assert history.report.skipped == {"bad UTF-8": 1}


def test_a_batchs_halves_may_be_named_in_either_order(tmp_path: Path) -> None:
    asked = write_json_lines(tmp_path / "in.jsonl", [batch_request("a")])
    answered = write_json_lines(
        tmp_path / "out.jsonl", [batch_answer("a", chat_response(5, "stop"))]
    )
    forward = list(History.from_paths(asked, ReadOptions(answers=str(answered))))
    assert forward == list(History.from_paths(answered, ReadOptions(answers=str(asked))))
    assert [record.id for record in forward] == ["a"]


def test_half_a_batch_says_that_the_other_half_is_missing(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "in.jsonl", [batch_request("a")])
    with pytest.raises(HistoryReadError, match=r"the other half \(--answers\)"):
        list(History.from_paths(path))


def test_a_row_without_the_column_that_joins_is_a_bad_row(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [*PROMPTS, {"prompt": "hi"}])
    other = write_json_lines(tmp_path / "a.jsonl", ANSWERS)
    options: dict[str, Any] = {"answers": str(other), "join_on": "key"}
    with pytest.raises(HistoryReadError, match=r"line 4: no key to join on \(--join-on\)"):
        list(History.from_paths(path, ReadOptions(**options)))
    history = History.from_paths(path, ReadOptions(**options, on_error="skip"))
    assert len(list(history)) == 2
    assert history.report.skipped == {"nothing to join on": 1}


def test_answers_of_no_known_tool_need_a_column_to_join_on(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    other = write_json_lines(tmp_path / "a.jsonl", ANSWERS)
    with pytest.raises(HistoryReadError, match="answers of no known tool: expected --join-on"):
        list(History.from_paths(path, ReadOptions(answers=str(other))))


def test_a_column_to_join_on_needs_answers(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", PROMPTS)
    with pytest.raises(InvalidInputError, match="join_on is 'key', but no answers are named"):
        History.from_paths(path, ReadOptions(join_on="key"))
