"""Prompts of files that tell no lengths."""

import json

import pytest

from lengthwise.history.files import ReadOptions
from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.files.prompts import read_prompts


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_prompts_are_read_with_or_without_a_length_and_with_earlier_messages(tmp_path):
    rows = [
        {"prompt": "one"},
        {"prompt": "two", "output_tokens": 5},
        {"prompt": "three", "conversation": [{"role": "user", "content": "before"}]},
    ]
    first, second, third = read_prompts(write(tmp_path / "a.jsonl", rows))
    assert (first, second) == ("one", "two")
    assert "before" in third
    assert third.endswith("three")


def test_a_column_of_another_name_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("text,other\nhello,1\n")
    assert list(read_prompts(tmp_path / "a.csv", ReadOptions(prompt_column="text"))) == ["hello"]


def test_a_row_without_prompt_stops_or_is_skipped(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "one"}, {"x": 1}, {"prompt": "two"}])
    with pytest.raises(HistoryReadError, match="line 2"):
        list(read_prompts(path))
    assert list(read_prompts(path, ReadOptions(on_error="skip"))) == ["one", "two"]
