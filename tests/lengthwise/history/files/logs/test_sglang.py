"""A batch in SGLang's log is as many requests as it has texts, each with what is its own."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History, HistoryReadError, ReadOptions
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.serving import sglang_event

TEXTS = ["Name a lake.", "Name a river."]
OUTS = [sglang_event(tokens, "stop")["out"] for tokens in (5, 7)]


def batch(*, outs: list[Any] | None = None, rid: Any = "r-7", **asked: Any) -> dict[str, Any]:
    """A line for a batch of two."""
    event = sglang_event(0, "stop", **{"text": TEXTS, **asked})
    return event | {"out": OUTS if outs is None else outs, "rid": rid}


@pytest.mark.parametrize(
    ("rid", "ids"),
    [("r-7", ["r-7-0", "r-7-1"]), (["r-8", "r-9"], ["r-8", "r-9"])],
)
def test_each_request_of_a_batch_has_an_id_of_its_own(
    tmp_path: Path, rid: object, ids: list[str]
) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [batch(rid=rid)])
    records = list(History.from_paths(path))
    assert [record.id for record in records] == ids
    assert [(record.prompt, record.output_tokens) for record in records] == [
        (TEXTS[0], 5),
        (TEXTS[1], 7),
    ]


def test_a_batch_of_one_keeps_the_id_that_it_has(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [batch(outs=OUTS[:1], text=TEXTS[:1])])
    assert [record.id for record in History.from_paths(path)] == ["r-7"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (batch(sampling_params=[{}]), "obj.sampling_params has 1 entries for 2 texts"),
        (batch(rid=["r-8"]), "rid has 1 entries for 2 texts"),
        (batch(outs=[*OUTS, OUTS[0]]), "out has 3 entries for 2 texts"),
    ],
)
def test_a_batch_whose_lists_do_not_match_is_a_bad_row(
    tmp_path: Path, row: dict[str, Any], reason: str
) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [row, batch()])
    with pytest.raises(HistoryReadError, match=f"line 1: {reason}"):
        list(History.from_paths(path))
    history = History.from_paths(path, ReadOptions(on_error="skip"))
    assert len(list(history)) == 2
    assert history.report.skipped == {"bad row": 1}
