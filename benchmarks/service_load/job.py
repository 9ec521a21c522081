"""What the load generator is asked for and what it answers."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.harness.spread import percentile

JobKind = Literal["unary", "coalesced", "batch", "stream", "http"]
"""The RPC that is called. "coalesced": calls that come together go as one message; "http": the
peer's."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """One measured pass: callers in a closed loop until all prompts are answered.

    Args:
        kind: Way of asking, see `JobKind`.
        callers: That ask at the same time, each its next message once it has its answer.
        prompts: Asked in all, from the first on.
        per_message: Prompts in one message, at least 1.
        in_flight: Messages that one stream has unanswered at most.
        connections: HTTP/2 connections that the callers share.
        model: The LLM that is said to answer; "" for any.
        neighbour_count: Past prompts that each answer is to name; None leaves it to the service.
            With 0 and the LLM's name, as the plugin and the gateways ask, a first tier may answer.
    """

    kind: JobKind
    callers: int
    prompts: int
    per_message: int = 1
    in_flight: int = 1
    connections: int = 1
    model: str = ""
    neighbour_count: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


STREAM = LoadJob("stream", callers=1, prompts=0, per_message=32, in_flight=8)
"""Bulk: one stream of batches of 32, eight of them unanswered; for as many prompts as one likes."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How a pass went.

    Args:
        wall_s: From the first message to the last answer.
        predictions: How many prompts were answered.
        latencies_ms: Time of each message, from sending it to its answer.
        generator_cpu_s: CPU time that asking itself cost.
        mean_batch: Prompts in the micro-batches they travelled in, on average; 0 from the peer.
    """

    wall_s: float
    predictions: int
    latencies_ms: list[float]
    generator_cpu_s: float
    mean_batch: float

    @property
    def rate(self) -> float:
        """Predictions per second."""
        return self.predictions / self.wall_s

    def latency_ms(self, share: float) -> float:
        """The latency that `share` of the messages stay at or under."""
        return percentile(self.latencies_ms, share)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
