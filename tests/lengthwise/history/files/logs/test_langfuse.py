"""What Langfuse calls usage holds tokens, and beside them what they cost."""

from pathlib import Path
from typing import Any

import pytest

from lengthwise.history.files import History
from tests.lengthwise.history.files.files import write_json_lines
from tests.lengthwise.history.files.logs.examples.observing import langfuse_observation


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 9, "output": 5, "outputCost": 3, "totalCost": 4}, 5),
        ({"input": 9, "output": 5, "output_reasoning_tokens": 7}, 12),
        ({"promptTokens": 9, "completionTokens": 5}, 5),
        ({"inputTokens": 9, "outputTokens": 5}, 5),
    ],
)
def test_only_what_was_generated_is_added_up(
    tmp_path: Path, usage: dict[str, Any], tokens: int
) -> None:
    row = langfuse_observation(0, usage_details=usage)
    (record,) = History.from_paths(write_json_lines(tmp_path / "h.jsonl", [row]))
    assert record.output_tokens == tokens
