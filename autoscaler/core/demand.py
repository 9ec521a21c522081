"""What waits and what runs, in tokens that are expected to come."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from autoscaler.core.checks import at_least
from lengthwise.length_distribution import LengthDistribution

UNKNOWN_CV = 1.0
"""Standard deviation over mean of a length of which only the mean is known: that of an exponential
distribution, which answers of chat requests come near."""


class Knowledge(IntEnum):
    """Where expected lengths come from, the best first; a worse one is a step of degradation."""

    PREDICTIONS = 0
    JOB_MEAN = 1
    LLM_MEAN = 2
    REQUESTS = 3

    @property
    def phrase(self) -> str:
        """As it stands in a reason."""
        return (
            "predicted lengths",
            "the job's own mean length",
            "the LLM's mean length",
            "requests counted at the configured length",
        )[self]


@dataclass(frozen=True, slots=True)
class TokenDemand:
    """The work of some requests: the sum of lengths that are independent of each other.

    Args:
        requests: How many, at least 0.
        mean_tokens: Sum of the expected output tokens still to come.
        variance_tokens2: Sum of the variances of the same, in tokens squared.
        input_tokens: Prompt tokens still to be computed.
        knowledge: The worst source among the expectations.

    Raises:
        InvalidStateError: If a number is negative, infinite or not a number.
    """

    requests: int = 0
    mean_tokens: float = 0.0
    variance_tokens2: float = 0.0
    input_tokens: float = 0.0
    knowledge: Knowledge = Knowledge.PREDICTIONS

    def __post_init__(self) -> None:
        at_least(0, requests=self.requests, mean_tokens=self.mean_tokens)
        at_least(0, variance_tokens2=self.variance_tokens2, input_tokens=self.input_tokens)

    @classmethod
    def from_distributions(
        cls, lengths: Iterable[LengthDistribution], input_tokens: float = 0.0
    ) -> "TokenDemand":
        """From predictions, each the distribution of the tokens still to come.

        Args:
            lengths: The tokens still to come, one distribution for each request.
            input_tokens: Prompt tokens of all of them together.
        """
        moments = [length_moments(length) for length in lengths]
        return cls(
            len(moments),
            math.fsum(mean for mean, _ in moments),
            math.fsum(variance for _, variance in moments),
            input_tokens,
        )

    @classmethod
    def from_mean(
        cls, requests: int, tokens: float, knowledge: Knowledge, *, input_tokens: float = 0.0
    ) -> "TokenDemand":
        """From nothing but a mean length.

        Args:
            requests: How many, at least 0.
            tokens: Mean output tokens of one, at least 0.
            knowledge: Whether it is the job's mean, the LLM's, or a configured one.
            input_tokens: Prompt tokens of all of them together.
        """
        variance = requests * (UNKNOWN_CV * tokens) ** 2
        return cls(requests, requests * tokens, variance, input_tokens, knowledge)

    def __add__(self, other: "TokenDemand") -> "TokenDemand":
        return TokenDemand(
            self.requests + other.requests,
            self.mean_tokens + other.mean_tokens,
            self.variance_tokens2 + other.variance_tokens2,
            self.input_tokens + other.input_tokens,
            max(self.knowledge, other.knowledge),
        )

    @property
    def sd_tokens(self) -> float:
        """Standard deviation of the sum."""
        return math.sqrt(self.variance_tokens2)


@dataclass(frozen=True, slots=True)
class DeadlineGroup:
    """Batch requests that are to be done by about the same time (Chiron's request group).

    Args:
        deadline_s: When, on the clock of `now_s`.
        demand: What is left of them, running ones included.
    """

    deadline_s: float
    demand: TokenDemand


def length_moments(length: LengthDistribution) -> tuple[float, float]:
    """Mean and variance of a length, in tokens and tokens squared.

    Exact for a distribution whose function runs straight between its points.
    """
    mean = length.mean()
    squares = (
        (b - a) * (x * x + x * y + y * y) / 3
        for (a, b), (x, y) in zip(pairwise(length.levels), pairwise(length.tokens), strict=True)
    )
    return mean, max(0.0, math.fsum(squares) - mean * mean)
