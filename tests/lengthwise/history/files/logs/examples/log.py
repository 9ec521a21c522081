"""What every example holds: two answers to learn from, the second cut at 64 tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lengthwise.history.files.files import write_json_lines, write_parquet

Rows = list[dict[str, Any]]


ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Name a lake."},
]


PROMPT = "system: Be brief.\nName a lake."


LIMIT = 64


@dataclass(frozen=True)
class Log:
    """A tool's log.

    Args:
        name: What --format calls it.
        rows: The history, in its file.
        answers: The other file, where there are two.
        failed: A row of the same log whose request failed.
        suffix: Of the history's file.
        prompt: What its two records ask.
        options: What a user must say, beside the two files.
    """

    name: str
    rows: Rows
    answers: Rows = field(default_factory=list)
    failed: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".jsonl"
    prompt: str = PROMPT
    options: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path, rows: Rows | None = None) -> tuple[Path, dict[str, Any]]:
        """Write it; gives the history and the options to read it with."""
        path = folder / f"log{self.suffix}"
        rows = self.rows if rows is None else rows
        if self.suffix == ".json":
            path.write_text(json.dumps(rows[0], indent=1))
        elif self.suffix == ".parquet":
            write_parquet(path, list(rows))
        else:
            write_json_lines(path, rows)
        if not self.answers:
            return path, dict(self.options)
        answers = write_json_lines(folder / "answers.jsonl", self.answers)
        return path, {"answers": str(answers), **self.options}
