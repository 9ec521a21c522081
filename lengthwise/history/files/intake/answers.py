"""Answers in a file of their own, joined to their prompts."""

import json
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.values import Row, is_absent, label, lookup

ROW_NUMBER = "row-number"
"""Value of --join-on: the first answer belongs to the first prompt, and so on."""

OTHER_HALF = "answers"
"""Where a joined row holds the whole row of the other file: "answers.id"."""


class AnswerFile:
    """Rows of the answers' file by what they are joined on, on disk: both files may be large.

    Args:
        rows: Key and row of every answer; of several with one key the last counts.
    """

    def __init__(self, rows: Iterable[tuple[str, Row]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lengthwise-answers-")
        self._base = sqlite3.connect(Path(self._folder.name) / "answers.db")
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, row TEXT) WITHOUT ROWID")
        self._base.executemany(
            "INSERT OR REPLACE INTO answers VALUES (?, ?)",
            ((key, json.dumps(dict(row), default=str)) for key, row in rows if key),
        )

    def __len__(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def joined(self, row: Row, key: str) -> Row | None:
        """Add the answer's columns to a row; None if there is no answer.

        Where both have a column, the row keeps its own, and the other's is at "answers.NAME".
        """
        found = self._base.execute("SELECT row FROM answers WHERE key = ?", (key,)).fetchone()
        if found is None:
            return None
        answer: dict[str, Any] = json.loads(found[0])
        return {**answer, **row, OTHER_HALF: answer}

    def close(self) -> None:
        """Remove what is on disk."""
        self._base.close()
        self._folder.cleanup()


def key_of(row: Row, column: str) -> str:
    """Give what a row is joined by.

    Raises:
        RowError: If it is missing, or no text or number.
    """
    value = lookup(row, column)
    if is_absent(value):
        raise RowError(f"no {column} to join on (--join-on)", kind="nothing to join on")
    return label(value, column, kind="nothing to join on")
