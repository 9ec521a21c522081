"""What is asked of the index and what it answers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Basis = Literal["neighbours", "prior", "head"]


@dataclass(frozen=True, slots=True)
class Query:
    """One prediction asked for.

    Args:
        prompt: The text, already rendered.
        model: The LLM that will answer; "" means any.
        max_tokens: The caller's limit on generated tokens.
        neighbour_count: How many neighbours to name in the answer.
        include_neighbour_text: Also give their text, where the index keeps it.
        temperature: Of the sampling; 0 is greedy decoding, None means unknown.
    """

    prompt: str
    model: str = ""
    max_tokens: int | None = None
    neighbour_count: int = 3
    include_neighbour_text: bool = False
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past prompt near the one asked about; similarity is the cosine, in [-1, 1]."""

    id: str
    similarity: float
    output_tokens: int
    model: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LengthEstimate:
    """The predicted length distribution of one answer.

    Args:
        expected_tokens: Mean of the distribution, after truncation by max_tokens.
        quantile_levels: Ascending, in (0, 1).
        quantile_tokens: The quantile at each level, in tokens, ascending, same size.
        confidence: Calibrated probability that the true length is within a factor of two of the
            median, in [0, 1].
        basis: "neighbours"; where what is near in the history counts for less than half, "head" if
            the index has a trained one, else "prior".
        nearness: Cosine similarity of the nearest past prompt.
        neighbours: Nearest first.
        model_known: True if the LLM asked for has history of its own.
    """

    expected_tokens: float
    quantile_levels: tuple[float, ...]
    quantile_tokens: tuple[float, ...]
    confidence: float
    basis: Basis
    nearness: float
    neighbours: tuple[Neighbour, ...]
    model_known: bool

    def quantile(self, level: float) -> float:
        """Length, in tokens, that the answer stays at or under with probability `level`.

        Interpolated between the levels given; beyond them, the outermost.
        """
        return float(np.interp(level, self.quantile_levels, self.quantile_tokens))

    @property
    def median_tokens(self) -> float:
        """The predicted length where one number is wanted."""
        return self.quantile(0.5)
