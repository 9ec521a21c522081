"""Whether a prompt is like those of the history."""

from dataclasses import dataclass

import numpy as np

from lengthwise.index.estimate.length_scale import FloatArray
from lengthwise.index.search.hits import AROUND, REPEAT_SIMILARITY, Hits

FAMILIAR_SHARE = 0.05
FOREIGN_REACH = 0.5
MIN_ROWS = 20


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
    def fit(cls, hits: Hits) -> "Familiarity":
        """Learn from what rows of the history find in the rest of it.

        Nineteen rows in twenty are familiar; for the rest it falls to 0 over half the distance
        that lies between the twentieth and the middle of them all (2.5 standard deviations under
        the mean of a normal distribution, which one row in 140 is). How near a new prompt lies is
        told by what is near a row apart from its repeats. With too few rows nothing is learnt and
        every prompt is familiar.
        """
        fresh = hits.without(hits.similarities > REPEAT_SIMILARITY, AROUND)
        nearness = fresh.nearness()[fresh.rows[:, 0] >= 0]
        if len(nearness) < MIN_ROWS:
            nearness = hits.nearness()
        if len(nearness) < MIN_ROWS:
            return cls()
        edge, middle = np.quantile(nearness, [FAMILIAR_SHARE, 0.5])
        return cls(float(edge), float(edge - max(FOREIGN_REACH * (middle - edge), 1e-3)))

    def of(self, nearness: FloatArray) -> FloatArray:
        """Familiarity in [0, 1] of each query, shape (queries,)."""
        span = self.familiar_from - self.foreign_below
        return np.clip((nearness - self.foreign_below) / span, 0, 1)
