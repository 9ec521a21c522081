"""What gateways report: requests that came, that an engine has begun, and that have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoscaler.core.expectation import Expectation
from autoscaler.core.slo import RequestClass, RequestPromise


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """One request that came and has not ended.

    Args:
        request_id: Unique among all reporters: by it a request is told again.
        reporter: Who told of it: what it reported stands while it is heard of.
        arrived_s: When it came, on the autoscaler's clock.
        promise: Whether somebody waits for it or when it is due.
        llm: The LLM's name, "" for the only one.
        job: What it is a part of, "" for nothing.
        input_tokens: Of its prompt, at least 0.
        predicted: What is expected of its answer; None if nobody predicted it.
        generated_tokens: Of the answer so far; None while no engine has begun.
        engine: HOST:PORT of the engine that runs it; "" for unknown.
    """

    request_id: str
    reporter: str
    arrived_s: float
    promise: RequestPromise
    llm: str = ""
    job: str = ""
    input_tokens: float = 0.0
    predicted: Expectation | None = None
    generated_tokens: float | None = None
    engine: str = ""

    @property
    def interactive(self) -> bool:
        """Whether somebody waits for it."""
        return self.promise.request_class is RequestClass.INTERACTIVE

    @property
    def due_s(self) -> float:
        """When a batch request is to be done; when an interactive one came."""
        return self.arrived_s + (self.promise.deadline_s or 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """An engine has begun a request.

    Args:
        request_id: Of a request that came.
        generated_tokens: Of the answer so far, at least 0.
        engine: HOST:PORT of the engine; "" for unknown.
    """

    request_id: str
    generated_tokens: float
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that one call tells.

    Args:
        reporter: Names who tells it, the same in every call.
        arrivals: Requests that came, told before or not.
        progress: Requests that an engine has begun.
        endings: Tokens of each whole answer by its request's id; None of one that was not whole.
    """

    reporter: str
    arrivals: Sequence[OpenRequest] = ()
    progress: Sequence[Progress] = ()
    endings: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
