"""A whole JSON document is read where it is named."""

import json
from pathlib import Path

import pytest

from lengthwise.history.files import HistoryReadError, read_history
from tests.lengthwise.history.files.files import ROWS, write_bytes, write_json_lines

PLAIN = [(row["prompt"], row["output_tokens"]) for row in ROWS]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["h.json", "h.json.gz", "h.json.zst"])
def test_an_array_of_objects_is_a_history(tmp_path: Path, name: str, indent: int | None) -> None:
    path = write_bytes(tmp_path / name, json.dumps(ROWS, indent=indent).encode())
    assert [(r.prompt, r.output_tokens) for r in read_history(path)] == PLAIN


def test_json_lines_under_the_name_of_a_document_stay_lines(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.json", ROWS)
    assert [(r.prompt, r.output_tokens) for r in read_history(path)] == PLAIN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"prompt": "hi"', "not valid JSON at line 1, column 17"),
        ('{\n"prompt": "hi"', "not valid JSON at line 2, column 15"),
        ('[{"prompt": "hi", "output_tokens": 1}, 5]', "row 2: it is 5: expected an object"),
    ],
)
def test_a_document_that_is_none_says_where(tmp_path: Path, text: str, words: str) -> None:
    path = write_bytes(tmp_path / "h.json", text.encode())
    with pytest.raises(HistoryReadError, match=words):
        list(read_history(path))


def test_documents_in_a_folder_are_not_taken_for_histories(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "h.jsonl", ROWS)
    (tmp_path / "summary.json").write_text('{\n"rows": 3\n}')
    assert len(list(read_history(tmp_path))) == len(ROWS)
