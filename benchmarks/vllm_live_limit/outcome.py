"""What became of requests, and of a phase."""

from dataclasses import dataclass, field
from statistics import median

SLO_S = 0.05
"""Between two tokens of a request: 20 tokens a second, several times what people read."""


@dataclass(slots=True)
class Asked:
    """One request.

    Args:
        sent_s: When its caller sent it, on the modelled clock, as the next two.
        first_s: When its first token came; 0 before.
        ended_s: When its last one did.
        tokens: Of its answer so far.
    """

    sent_s: float
    first_s: float = 0.0
    ended_s: float = 0.0
    tokens: int = 0

    @property
    def itl_s(self) -> float:
        """Mean time between its tokens."""
        return (self.ended_s - self.first_s) / (self.tokens - 1)


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """What a phase gave, by the requests that ended in it.

    Args:
        attained: Share of them whose mean time between tokens kept the SLO.
        tokens_per_s: Of all their answers.
        good_tokens_per_s: Of the answers that kept the SLO.
        ttft_s: Median time to the first token: most of it is the wait for a slot.
        gaps_within: Share of all times between two tokens that were within the SLO.
        limit: Mean over the steps of what vLLM's limit was.
    """

    attained: float
    tokens_per_s: float
    good_tokens_per_s: float
    ttft_s: float
    gaps_within: float
    limit: float


@dataclass(slots=True)
class Tally:
    """What is counted of a phase while it lasts."""

    ended: list[Asked] = field(default_factory=list[Asked])
    gaps: int = 0
    gaps_within: int = 0
    limits: list[int] = field(default_factory=list[int])

    def result(self, seconds: float) -> PhaseResult:
        """Of the whole phase."""
        good = [one for one in self.ended if one.itl_s <= SLO_S]
        return PhaseResult(
            len(good) / len(self.ended),
            sum(one.tokens for one in self.ended) / seconds,
            sum(one.tokens for one in good) / seconds,
            median(one.first_s - one.sent_s for one in self.ended),
            self.gaps_within / self.gaps,
            sum(self.limits) / len(self.limits),
        )
