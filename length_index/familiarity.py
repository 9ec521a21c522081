"""Whether a prompt is like those of the history."""

from dataclasses import dataclass

import numpy as np

from length_index.length_scale import FloatArray

FAMILIAR_SHARE = 0.05
FOREIGN_REACH = 0.5


@dataclass(frozen=True, slots=True)
class Familiarity:
    """1 for prompts as near to the history as its own prompts are to each other, 0 far from it.

    Args:
        familiar_from: Nearness (`Hits.nearness`) from which a prompt is familiar without doubt.
        foreign_below: Nearness under which it is like nothing in the history: its neighbours then
            count for nothing and the prior answers.
    """

    familiar_from: float = -1.0
    foreign_below: float = -2.0

    @classmethod
    def fit(cls, nearness: FloatArray) -> "Familiarity":
        """Learn from the nearness of rows of the history to the rest of it, shape (rows,).

        Nineteen rows in twenty are familiar; for the rest it falls to 0 over half the distance
        that lies between the twentieth and the middle of them all (2.5 standard deviations under
        the mean of a normal distribution, which one row in 140 is).
        """
        edge, middle = np.quantile(nearness, [FAMILIAR_SHARE, 0.5])
        return cls(float(edge), float(edge - max(FOREIGN_REACH * (middle - edge), 1e-3)))

    def of(self, nearness: FloatArray) -> FloatArray:
        """Familiarity in [0, 1] of each query, shape (queries,)."""
        span = self.familiar_from - self.foreign_below
        return np.clip((nearness - self.foreign_below) / span, 0, 1)
