"""A call at a gateway that has its place in an engine's queue."""

from dataclasses import dataclass

from scheduler_client.advisor.asker import FallbackCause


@dataclass(frozen=True, slots=True)
class PlacedRequest:
    """A request that has its place.

    Args:
        key: In microseconds since 1970; lower goes first.
        arrival_s: When it came, in seconds since 1970.
        expected_tokens: What its answer is taken for, in tokens: predicted, or typical of its LLM.
        fallback: Why it was not predicted; None if it was.
    """

    key: int
    arrival_s: float
    expected_tokens: float
    fallback: FallbackCause | None = None
