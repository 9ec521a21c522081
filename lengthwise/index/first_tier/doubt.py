"""How far the second tier would be from what the first says: estimated without asking it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray, to_log

LEVELS = (0.05, 0.25, 0.4, 0.5, 0.6, 0.75, 0.95)
"""Of the quantiles that tell the shape of a distribution: the median, and ends of intervals."""

FOLDS = 5
"""Parts of the held-out rows, each doubted by what the others taught."""

SHRINKAGES = np.logspace(-2, 4, 13)
"""Penalties of the ridge regression that are tried; cross-validation takes one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a student says of prompts, before anything is corrected.

    Args:
        cdf: Distributions on the log scale, one for each prompt.
        plain: Shape (prompts, features): plain features, scaled as the head reads them.
    """

    cdf: WeightedCdf
    plain: FloatMatrix

    def __len__(self) -> int:
        return len(self.plain)

    def part(self, which: BoolVector | IntVector) -> "Reading":
        """What it says of some of them, in the order given."""
        return Reading(
            WeightedCdf(self.cdf.values[which], self.cdf.levels[which]), self.plain[which]
        )

    def widths(self) -> FloatArray:
        """How wide each 90 % interval is on the log scale, shape (prompts,)."""
        return self.signs()[:, 0]

    def signs(self) -> FloatArray:
        """Numbers that its error may hang on, shape (prompts, n): widths, peak, median, layout."""
        q = self.cdf.quantiles(np.broadcast_to(LEVELS, (len(self), len(LEVELS))))
        median = q[:, 3]
        shares = np.diff(self.cdf.levels, axis=1)
        entropy = -(shares * np.log(shares + 1e-9)).sum(axis=1)
        columns = [q[:, 6] - q[:, 0], q[:, 5] - q[:, 1], q[:, 4] - q[:, 2], entropy]
        columns += [shares.max(axis=1), median, median**2]
        return np.column_stack([*columns, self.plain.astype(float)])


@dataclass(frozen=True, slots=True)
class Doubt:
    """A linear estimate of the distance of two tiers' medians on the log scale.

    The student's own spread does not tell it: where lengths are a matter of chance both tiers are
    unsure, and agree. What the student says in short answers and of plain layouts the encoder
    mostly confirms.

    Args:
        weights: One for each of `Reading.signs`.
        bias: The estimate where all signs are 0.
    """

    weights: tuple[float, ...]
    bias: float

    @classmethod
    def fit(cls, said: Reading, first: FloatArray, second: FloatArray) -> Self:
        """Learn it from rows that both tiers answered.

        Args:
            said: What the student says of them.
            first: Shape (rows,): medians of the first tier, in tokens.
            second: Shape (rows,): those of the second, in tokens.
        """
        from sklearn.linear_model import RidgeCV  # noqa: PLC0415  slow to import, builds only

        signs = said.signs()
        mean, scale = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-6)
        model: Any = RidgeCV(SHRINKAGES).fit(
            (signs - mean) / scale, np.abs(to_log(first) - to_log(second))
        )
        weights = model.coef_ / scale
        return cls(tuple(weights.tolist()), float(model.intercept_ - weights @ mean))

    def of(self, said: Reading) -> FloatArray:
        """The estimate for each prompt, shape (prompts,): the less, the surer."""
        return said.signs() @ np.array(self.weights) + self.bias


def doubts_of_others(said: Reading, first: FloatArray, second: FloatArray) -> FloatArray:
    """Doubts of rows, each by what rows of the other folds taught, as new prompts are doubted."""
    doubts = np.empty(len(said))
    for fold in _folds(len(said)):
        taught = Doubt.fit(said.part(~fold), first[~fold], second[~fold])
        doubts[fold] = taught.of(said.part(fold))
    return doubts


def _folds(rows: int) -> Iterator[BoolVector]:
    """Masks of the folds; held-out rows come in random order."""
    for number in range(FOLDS):
        yield np.arange(rows) % FOLDS == number
