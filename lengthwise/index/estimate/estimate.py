"""What is asked of the index and what it answers."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lengthwise.index.record import HistoryRecord
from lengthwise.prediction import Basis, Neighbour, Tier
from lengthwise.request import SamplingConditions


@dataclass(frozen=True, slots=True)
class Query(SamplingConditions):
    """One prediction asked for. The conditions of the sampling are given by name.

    Args:
        prompt: What the LLM will see: one text, a conversation rendered by `conversation`.
        model: The LLM that will answer; "" means any.
        neighbour_count: How many neighbours to name in the answer. Only the second tier knows any:
            the first may answer where none are asked for.
        include_neighbour_text: Also give their text, where the index keeps it.
    """

    prompt: str
    model: str = ""
    neighbour_count: int = 3
    include_neighbour_text: bool = False

    @classmethod
    def from_record(
        cls,
        record: HistoryRecord,
        *,
        neighbour_count: int = 3,
        include_neighbour_text: bool = False,
    ) -> Self:
        """Ask for the length of a past prompt's answer under the conditions that it had.

        But for its limit: that would tell of the length that is asked for.
        """
        sampling = record.sampling_options()
        sampling["max_tokens"] = None
        return cls(record.prompt, record.model, neighbour_count, include_neighbour_text, **sampling)


@dataclass(frozen=True, slots=True)
class LengthEstimate:
    """The predicted length distribution of one answer.

    Args:
        expected_tokens: Mean of the distribution, after truncation by max_tokens.
        quantile_levels: The levels that the index was built with, ascending, in (0, 1).
        quantile_tokens: The quantile at each level, in tokens, ascending, same size.
        confidence: Calibrated probability that the true length is within a factor of two of the
            median, in [0, 1].
        basis: "neighbours"; where what is near in the history counts for less than half, "head" if
            the index has a trained one, else "prior".
        nearness: Cosine similarity of the nearest past prompt; 0 of the first tier, which looks for
            none.
        neighbours: As many of the nearest past prompts as were asked for, nearest first.
        model_known: True if the LLM asked for has history of its own.
        tier: What answered; always "second" where the index has no first tier.
    """

    expected_tokens: float
    quantile_levels: tuple[float, ...]
    quantile_tokens: tuple[float, ...]
    confidence: float
    basis: Basis
    nearness: float
    neighbours: tuple[Neighbour, ...]
    model_known: bool
    tier: Tier = "second"

    def quantile(self, level: float) -> float:
        """Length, in tokens, that the answer stays at or under with probability `level`.

        Interpolated between the levels given; beyond them, the outermost.
        """
        return float(np.interp(level, self.quantile_levels, self.quantile_tokens))

    @property
    def median_tokens(self) -> float:
        """The predicted length where one number is wanted."""
        return self.quantile(0.5)
