"""What the service answers to a prompt."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

from lengthwise.length_distribution import LengthDistribution

Basis = Literal["neighbours", "prior", "head"]

Tier = Literal["first", "second"]
"""What answered: a small model that is asked first, or encoder and search."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past prompt near the one asked about.

    Args:
        id: The id that the row had in the history.
        similarity: Cosine similarity to the prompt, in [-1, 1].
        output_tokens: The length of its answer.
        model: The LLM that answered it.
        text: The past prompt, if it was asked for and the index keeps it; otherwise "".
    """

    id: str
    similarity: float
    output_tokens: int
    model: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of a prediction went inside the service, in microseconds.

    Args:
        queue_time_us: From arrival until its micro-batch started.
        encode_time_us: Encoding the whole micro-batch it travelled in, the first tier's answers
            included.
        search_time_us: Searching and estimating the same.
        batch_size: Prompts in that micro-batch; 0 when answered from the cache.
    """

    queue_time_us: int
    encode_time_us: int
    search_time_us: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted length distribution.

    Args:
        request_id: The caller's own id, given back.
        expected_tokens: Mean of the distribution, in tokens.
        quantile_levels: Ascending, in (0, 1); at least one.
        quantile_tokens: The length that the answer stays at or under with the probability of the
            same place in quantile_levels; ascending.
        confidence: Calibrated probability that the true length is within a factor of two of the
            median, in [0, 1].
        basis: "neighbours"; where too little in the history is similar, "head" if a network was
            trained on it, else "prior".
        nearness: Cosine similarity of the nearest past prompt; 0 from the first tier, which looks
            for none.
        neighbours: The nearest past prompts, nearest first.
        model_known: True if the LLM named in the query has history of its own.
        index_version: The version of the index that answered.
        timing: Where the time went inside the service.
        tier: What answered; the first tier only where no neighbours were asked for.
    """

    request_id: str
    expected_tokens: float
    quantile_levels: tuple[float, ...]
    quantile_tokens: tuple[float, ...]
    confidence: float
    basis: Basis
    nearness: float
    neighbours: tuple[Neighbour, ...]
    model_known: bool
    index_version: str
    timing: Timing
    tier: Tier = "second"

    @property
    def p50_tokens(self) -> float:
        """The median length, in tokens."""
        return self.quantile(0.5)

    @property
    def p90_tokens(self) -> float:
        """The length that nine answers in ten stay at or under, in tokens."""
        return self.quantile(0.9)

    def distribution(self) -> LengthDistribution:
        """The whole distribution, with tails drawn on: for what remains as tokens come."""
        return LengthDistribution.from_quantiles(self.quantile_levels, self.quantile_tokens)

    def quantile(self, level: float) -> float:
        """The length that the answer stays at or under with probability `level`, in tokens.

        Linear between the levels that the service sent; below the first and above the last it is
        the length at that end, since the service says nothing of what lies beyond.

        Raises:
            ValueError: If `level` is not in [0, 1].
        """
        if not 0 <= level <= 1:
            raise ValueError(f"level is {level}: expected a probability in [0, 1]")
        levels, tokens = self.quantile_levels, self.quantile_tokens
        right = bisect_left(levels, level)
        if right == 0:
            return tokens[0]
        if right == len(levels):
            return tokens[-1]
        left = right - 1
        share = (level - levels[left]) / (levels[right] - levels[left])
        return tokens[left] + share * (tokens[right] - tokens[left])
