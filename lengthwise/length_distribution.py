"""The distribution of an answer's length, and of what remains of it as its tokens come.

Pure arithmetic on the quantiles that a prediction carries, so that a scheduler can ask again with
every token and no call is needed.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

TAIL_LEVELS = (0.99, 0.999, 1.0)
"""Where the tail beyond the last quantile is drawn."""

END_SURVIVAL = 1e-4
"""The share of answers beyond the last point drawn, which is then given level 1."""

MIN_TAIL_EXPONENT = 1.5
"""At 1 or less a power law has no mean: two close quantiles must not promise that."""

END_MARGIN_TOKENS = 1e-6
"""Lengths are whole numbers: what lies closer to the end than this is there but for rounding."""


@dataclass(frozen=True, slots=True)
class LengthDistribution:
    """A distribution of tokens: its function runs straight between the points given.

    Args:
        levels: Probability of staying at or under each length, ascending from 0 to 1.
        tokens: The lengths, ascending, as many; where two are equal, that length itself has the
            probability between their levels.

    Raises:
        ValueError: If there are not as many of each, fewer than two, or they do not ascend so.
    """

    levels: tuple[float, ...]
    tokens: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.tokens) or len(self.levels) < 2:
            raise ValueError(
                f"{len(self.levels)} levels for {len(self.tokens)} lengths: expected as many of "
                "each, at least 2"
            )
        if self.levels[0] != 0 or self.levels[-1] != 1 or not _ascends(self.levels):
            raise ValueError(f"levels are {self.levels}: expected them to ascend from 0 to 1")
        if not (self.tokens[0] >= 0 and math.isfinite(self.tokens[-1]) and _ascends(self.tokens)):
            raise ValueError(f"tokens are {self.tokens}: expected ascending lengths of at least 0")

    @classmethod
    def from_quantiles(
        cls, levels: Sequence[float], tokens: Sequence[float]
    ) -> "LengthDistribution":
        """From a prediction's quantiles, with a tail drawn on at either end.

        Under the first quantile the function goes on as it began, down to 0 tokens at least.
        Beyond the last it goes on as a power law through the last two, since lengths spread by
        factors; where those are equal (a limit cut the answer off) nothing lies beyond.

        Args:
            levels: Ascending, no two equal, in (0, 1), at least one.
            tokens: The length at each level, ascending.

        Raises:
            ValueError: If the quantiles are none, do not ascend, or lie outside their range.
        """
        if len(levels) != len(tokens) or not levels:
            raise ValueError(
                f"{len(levels)} levels for {len(tokens)} quantiles: expected as many of each, "
                "at least 1"
            )
        if not 0 < levels[0] <= levels[-1] < 1:
            raise ValueError(f"levels are {tuple(levels)}: expected them between 0 and 1")
        if not all(a < b for a, b in pairwise(levels)):
            raise ValueError(f"levels are {tuple(levels)}: expected each to rise above the last")
        if len(levels) == 1:
            return cls((0.0, 1.0), (float(tokens[0]), float(tokens[0])))
        slope = (tokens[1] - tokens[0]) / (levels[1] - levels[0])
        start = min(max(0.0, tokens[0] - slope * levels[0]), tokens[0])
        tail_levels = tuple(level for level in TAIL_LEVELS if level > levels[-1])
        tail = _power_tail(levels[-2:], tokens[-2:], tail_levels)
        return cls((0.0, *levels, *tail_levels), (start, *tokens, *tail))

    def mean(self) -> float:
        """The expected length, in tokens."""
        areas = (
            (b - a) * (x + y) / 2
            for (a, b), (x, y) in zip(pairwise(self.levels), pairwise(self.tokens), strict=True)
        )
        return sum(areas)

    def level_of(self, tokens: float) -> float:
        """The probability of staying at or under a length, in [0, 1]."""
        right = bisect_right(self.tokens, tokens)
        if right == 0:
            return 0.0
        if right == len(self.tokens):
            return 1.0
        low, high = self.tokens[right - 1], self.tokens[right]
        share = (tokens - low) / (high - low)
        return self.levels[right - 1] + share * (self.levels[right] - self.levels[right - 1])

    def quantile(self, level: float) -> float:
        """The length that the answer stays at or under with probability `level`, in tokens.

        Raises:
            ValueError: If `level` is not in [0, 1].
        """
        if not 0 <= level <= 1:
            raise ValueError(f"level is {level}: expected a probability in [0, 1]")
        right = min(bisect_right(self.levels, level), len(self.levels) - 1)
        low, high = self.levels[right - 1], self.levels[right]
        share = (level - low) / (high - low) if high > low else 1.0
        return self.tokens[right - 1] + share * (self.tokens[right] - self.tokens[right - 1])

    def remaining(self, generated_tokens: float) -> "LengthDistribution":
        """The distribution of the tokens still to come, given that so many have and no end.

        This is the distribution's own part beyond that point, scaled to 1. An answer that outlived
        all of it is expected to go on in proportion to its length: as the last stretch was to the
        length where that stretch began. So something always remains: the mean is above 0.

        Args:
            generated_tokens: Tokens so far, at least 0.

        Raises:
            ValueError: If it is negative, infinite or not a number.
        """
        if not (generated_tokens >= 0 and math.isfinite(generated_tokens)):
            raise ValueError(
                f"generated_tokens is {generated_tokens}: expected a finite number of at least 0"
            )
        passed = self.level_of(generated_tokens)
        at_the_end = self.tokens[-1] - generated_tokens < END_MARGIN_TOKENS
        if at_the_end or passed >= 1 - END_SURVIVAL / 2:
            return LengthDistribution((0.0, 1.0), (0.0, self._beyond(generated_tokens)))
        first = bisect_right(self.tokens, generated_tokens)
        levels = [(level - passed) / (1 - passed) for level in self.levels[first:]]
        tokens = [t - generated_tokens for t in self.tokens[first:]]
        if first == 0:  # even the shortest answer is longer
            return LengthDistribution(self.levels, tuple(tokens))
        return LengthDistribution((0.0, *levels[:-1], 1.0), (0.0, *tokens))

    def _beyond(self, generated_tokens: float) -> float:
        """The longest that an answer beyond the distribution's end is expected to go on."""
        end = self.tokens[-1]
        before = next((t for t in reversed(self.tokens) if t < end), 0.0)
        ratio = (end - before) / end if end else 1.0
        return max(1.0, generated_tokens * ratio)


def _ascends(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in pairwise(values))


def _power_tail(
    levels: Sequence[float], tokens: Sequence[float], wanted: Sequence[float]
) -> list[float]:
    """Lengths at levels beyond two quantiles: survival falls as a power of the length."""
    (below, last), (short, long) = levels, tokens
    if long <= short or short <= 0:
        return [long] * len(wanted)
    exponent = math.log((1 - below) / (1 - last)) / math.log(long / short)
    exponent = max(exponent, MIN_TAIL_EXPONENT)
    return [long * ((1 - last) / max(1 - w, END_SURVIVAL)) ** (1 / exponent) for w in wanted]
