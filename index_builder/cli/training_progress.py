"""Progress bars of a training: one for each pass, with its loss and what it brought."""

import math

from rich.progress import Progress, TaskID


class TerminalTraining:
    """Shows passes over the history.

    Args:
        bars: Where to show them; has a column for the field "rows".
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def epoch(self, number: int, of: int, rows: int) -> None:
        """A pass over so many rows begins."""
        self._task = self._bars.add_task(f"Training, pass {number} of {of}", total=rows, rows="")

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
