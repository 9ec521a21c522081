"""Progress bars of builds and trainings, on the error stream so that output stays clean."""

import math
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lengthwise.history.files import History

STAGES = {
    "encode": "Encoding prompts",
    "read": "Reading encoded parts",
    "index": "Indexing vectors",
    "calibrate": "Calibrating on held-out rows",
    "predict": "Predicting held-out rows",
}
"""Stages in words, by the names that jobs give them."""

READING = {"encode", "predict"}
"""Stages that read the history, whose bytes measure them."""


class TerminalProgress:
    """Shows the stages of a build; rows are measured by the bytes read of the history.

    Args:
        bars: Has a column for the field "rows".
        history: Its position says how far reading is; None if it is not a file's.
    """

    def __init__(self, bars: Progress, history: History | None = None) -> None:
        self.bars = bars
        self._history = history
        self._rows = 0
        self._task = bars.add_task("", visible=False)

    def stage(self, name: str) -> None:
        """A stage begins; the one before it is done."""
        self._finish()
        reads = self._history is not None and name in READING
        total = self._history.total_bytes if self._history and reads else None
        self._rows = 0
        self._task = self.bars.add_task(STAGES.get(name, name), total=total, rows="")

    def note(self, line: str) -> None:
        """Say something beside the bars."""
        self.bars.console.print(line, highlight=False)

    def rows(self, count: int) -> None:
        """So many more rows were encoded."""
        self._rows += count
        done = self._history.position_bytes if self._history else self._rows
        self.bars.update(self._task, completed=done, rows=f"{self._rows:,} rows")

    def _finish(self) -> None:
        task = next((t for t in self.bars.tasks if t.id == self._task), None)
        if task is not None and task.visible:
            self.bars.update(self._task, total=task.total or 1, completed=task.total or 1)
            self.bars.stop_task(self._task)

    def close(self) -> None:
        """The last stage is done."""
        self._finish()


@contextmanager
def terminal_progress(history: History | None = None) -> Generator[TerminalProgress]:
    """Progress bars that stay on the terminal when they are done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        progress = TerminalProgress(bars, history)
        yield progress
        progress.close()


class TerminalTraining:
    """Shows the passes of a training over its rows, each with its loss and what it brought.

    Args:
        bars: Has a column for the field "rows".
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._stage = "Training"

    def stage(self, name: str) -> None:
        """Passes of something else follow."""
        self._stage = name

    def epoch(self, number: int, of: int, rows: int) -> None:
        """A pass over so many rows begins."""
        self._task = self._bars.add_task(
            f"{self._stage}, pass {number} of {of}", total=rows, rows=""
        )

    def rows(self, count: int, *, loss: float | None = None) -> None:
        """So many more rows of it were learnt from; the recent loss."""
        if self._task is not None:
            self._bars.advance(self._task, count)
            if loss is not None:
                self._bars.update(self._task, rows=f"loss {loss:.3f}")

    def validated(self, kendall_tau_b: float) -> None:
        """How well validation rows are ordered after the pass."""
        if self._task is not None:
            task = next(t for t in self._bars.tasks if t.id == self._task)
            if not math.isnan(kendall_tau_b):
                said = f"{task.fields['rows']}, validation tau-b {kendall_tau_b:.3f}"
                self._bars.update(self._task, rows=said)
            self._bars.stop_task(self._task)
