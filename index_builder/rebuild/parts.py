"""How new rows are split by time: what a candidate is made from, and what it is asked about."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.arrays import BoolVector, IntVector


@dataclass(frozen=True, slots=True)
class Parts:
    """Places among the new rows.

    Args:
        held_out: The newest whose true length is known, ascending, at least one.
    """

    held_out: IntVector

    @classmethod
    def newest_ended(cls, censored: BoolVector, at_most: int) -> "Parts | None":
        """Hold out the newest rows that ended by themselves, never more than a quarter of those.

        Args:
            censored: Shape (new rows,), oldest first.
            at_most: How many.

        Returns:
            None where there are too few to hold any out.
        """
        ended = np.flatnonzero(~censored)
        count = min(at_most, len(ended) // 4)
        return cls(ended[len(ended) - count :]) if count else None

    @property
    def earlier(self) -> IntVector:
        """All rows before the first that is held out."""
        return np.arange(self.held_out[0])
