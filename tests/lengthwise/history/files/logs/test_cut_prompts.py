"""A prompt that the log itself cut is not learnt with the log's notice in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.observing import (
    litellm_payload,
    litellm_spend,
    otel_span,
    otlp,
)
from tests.lengthwise.history.files.logs.examples.serving import sglang_event

LITELLM_CUT = "Name... (litellm_truncated skipped 900 chars. A note) ...a lake."
LOGGER_CUT = "Name...truncated by litellm, this logger does not support large content"
SGLANG_CUT = "a" * 1024 + "..." + "b" * 1024


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("good", "cut"),
    [
        (
            litellm_spend(5, "stop"),
            litellm_spend(5, "stop", proxy_server_request={"messages": asked(LITELLM_CUT)}),
        ),
        (litellm_payload(), litellm_payload(messages=asked(LOGGER_CUT))),
        (sglang_event(5, "stop"), sglang_event(5, "stop", text=SGLANG_CUT)),
        (
            otlp(otel_span(5, "stop")),
            otlp(
                otel_span(
                    *(5, "stop"),
                    **{"gen_ai.input.messages": {"stringValue": json.dumps(asked("a" * 90))[:80]}},
                )
            ),
        ),
        (
            {"prompt": "Name a lake.", "output_tokens": 5},
            {"prompt": LITELLM_CUT, "output_tokens": 5},
        ),
    ],
    ids=["litellm's table", "litellm's logger", "sglang", "otel", "columns"],
)
def test_a_prompt_that_was_cut_is_left_out(
    tmp_path: Path, good: dict[str, Any], cut: dict[str, Any]
) -> None:
    history = History.from_paths(write_json_lines(tmp_path / "h.jsonl", [good, cut]))
    assert len(list(history)) == 1
    assert history.report.left_out == {"with a prompt that the log cut": 1}


def test_three_dots_in_a_prompt_are_no_cut(tmp_path: Path) -> None:
    row = sglang_event(5, "stop", text="a" * 1024 + "..." + "b" * 1023)
    assert len(list(History.from_paths(write_json_lines(tmp_path / "h.jsonl", [row])))) == 1
