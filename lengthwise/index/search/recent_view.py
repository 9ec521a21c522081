"""Recent rows beside those of a build: one numbering of rows, one of LLMs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntMatrix, IntVector
from lengthwise.index.estimate.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.recent import RecentSnapshot

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class RecentView:
    """Recent rows as an index sees them. What is found with a view must be looked up with it.

    Args:
        snapshot: The rows.
        first_row: Number of the first of them: those of the build come before.
        model_codes: Code of every LLM by name, the build's as they were.
        codes: Shape (rows,): the code of each row's LLM.
    """

    snapshot: RecentSnapshot
    first_row: int
    model_codes: Mapping[str, int]
    codes: IntVector

    @classmethod
    def beside(
        cls, snapshot: RecentSnapshot, built_rows: int, built_codes: Mapping[str, int]
    ) -> "RecentView":
        """Number rows and LLMs on from those of a build."""
        codes = dict(built_codes)
        of_snapshot = [codes.setdefault(name, len(codes)) for name in snapshot.models]
        return cls(snapshot, built_rows, codes, np.array(of_snapshot)[snapshot.model_codes])

    @property
    def log_lengths(self) -> FloatArray:
        """Shape (rows,)."""
        return self.snapshot.log_lengths

    @property
    def censored(self) -> BoolVector:
        """Shape (rows,): the true length was longer."""
        return self.snapshot.censored

    @property
    def decodings(self) -> IntVector:
        """Shape (rows,): how each answer's tokens were chosen, see `Decoding`."""
        return self.snapshot.decodings

    def search(
        self, queries: FloatMatrix, k: int, *, code: int | None = None
    ) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest recent rows of each query; with `code`, of that LLM alone."""
        model = None
        if code is not None:
            own = self.codes == code
            if not own.any():
                return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), int)
            model = int(self.snapshot.model_codes[np.argmax(own)])
        similarities, rows = self.snapshot.search(queries, k, model=model)
        return similarities, rows + self.first_row

    def record(self, row: int) -> HistoryRecord | None:
        """What a row was made from; None for a row of the build."""
        return self.snapshot.history[row - self.first_row] if row >= self.first_row else None


def look_up(built: NDArray[T], recent: NDArray[T] | None, rows: IntMatrix) -> NDArray[T]:
    """Values of rows, wherever they are.

    Args:
        built: One value per row of the build.
        recent: One per recent row; None if there are none.
        rows: Row numbers; -1 takes any value.
    """
    if recent is None:
        return built[rows]
    later = rows >= len(built)
    values = built[np.where(later, -1, rows)]
    values[later] = recent[rows[later] - len(built)]
    return values
