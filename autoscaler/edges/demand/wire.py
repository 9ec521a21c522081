"""From the wire's messages to what they tell; what cannot be is left out and named."""

import math
from collections.abc import Callable
from typing import TypeVar

from autoscaler.core.demand import Knowledge
from autoscaler.core.expectation import Expectation
from autoscaler.core.slo import RequestClass, RequestPromise, Slo
from autoscaler.edges.demand.report import OpenRequest, Progress, Report
from autoscaler.v1 import demand_pb2 as pb
from lengthwise.length_distribution import LengthDistribution

MOST_ID_CHARACTERS = 256
"""Of a request's id and of names: they are kept, so they must not be pages."""

MOST_TOKENS = 10_000_000.0
"""Of a prompt or an answer: beyond the longest context of any LLM, so it is a fault."""

_Message = TypeVar("_Message")
_Told = TypeVar("_Told")


class _FaultyError(ValueError):
    """A field that cannot be; the message says which, what was expected and what came."""


def report_from_wire(request: pb.ReportRequest, now_s: float, slo: Slo) -> tuple[Report, list[str]]:
    """What a call tells, and what of it was left out.

    Args:
        request: The call's message, with anything in it.
        now_s: The present, which ages count from.
        slo: Says the deadline of batch requests that name none.
    """
    faults: list[str] = []

    def each(name: str, read: Callable[[_Message], _Told], messages: list[_Message]) -> list[_Told]:
        told: list[_Told] = []
        for place, message in enumerate(messages):
            try:
                told.append(read(message))
            except _FaultyError as fault:
                faults.append(f"{name}[{place}].{fault}")
        return told

    def arrival(message: pb.Arrival) -> OpenRequest:
        return _arrival(message, request.reporter, now_s, slo)

    endings = each("endings", _ending, list(request.endings))
    report = Report(
        request.reporter,
        each("arrivals", arrival, list(request.arrivals)),
        each("progress", _progress, list(request.progress)),
        dict(endings),
    )
    return report, faults


def _arrival(message: pb.Arrival, reporter: str, now_s: float, slo: Slo) -> OpenRequest:
    return OpenRequest(
        _name("request_id", message.request_id, least=1),
        reporter,
        now_s - _amount("age_s", message.age_s, math.inf),
        _promise(message, slo),
        _name("llm", message.llm),
        _name("job", message.job),
        _amount("input_tokens", message.input_tokens),
        _predicted(message),
    )


def _promise(message: pb.Arrival, slo: Slo) -> RequestPromise:
    deadline_s = _amount("deadline_s", message.deadline_s, math.inf)
    if message.request_class == pb.REQUEST_CLASS_BATCH:
        return RequestPromise(RequestClass.BATCH, deadline_s or slo.batch_deadline_s)
    if message.request_class == pb.REQUEST_CLASS_INTERACTIVE:
        return RequestPromise(RequestClass.INTERACTIVE)
    if deadline_s:
        return RequestPromise(RequestClass.BATCH, deadline_s)
    return RequestPromise.from_headers(message.headers, slo)


def _predicted(message: pb.Arrival) -> Expectation | None:
    if message.quantiles:
        levels = [one.level for one in message.quantiles]
        tokens = [_amount("quantiles.tokens", one.tokens) for one in message.quantiles]
        try:
            length = LengthDistribution.from_quantiles(levels, tokens)
        except ValueError as error:
            raise _FaultyError(f"quantiles: {error}") from error
        return Expectation.from_distribution(length)
    mean = _amount("expected_tokens", message.expected_tokens)
    variance = _amount("variance_tokens2", message.variance_tokens2, MOST_TOKENS**2)
    if not mean:
        return None
    if not variance:
        return Expectation.from_mean(mean, Knowledge.PREDICTIONS)
    return Expectation.from_moments(mean, variance, Knowledge.PREDICTIONS)


def _progress(message: pb.Progress) -> Progress:
    return Progress(
        _name("request_id", message.request_id, least=1),
        _amount("generated_tokens", message.generated_tokens),
        _name("engine", message.engine),
    )


def _ending(message: pb.Ending) -> tuple[str, float | None]:
    tokens = _amount("output_tokens", message.output_tokens)
    return _name("request_id", message.request_id, least=1), tokens or None


def _name(field: str, value: str, *, least: int = 0) -> str:
    if not least <= len(value) <= MOST_ID_CHARACTERS:
        raise _FaultyError(
            f"{field} has {len(value)} characters: expected {least} to {MOST_ID_CHARACTERS}"
        )
    return value


def _amount(field: str, value: float, most: float = MOST_TOKENS) -> float:
    if not (0 <= value <= most and math.isfinite(value)):
        raise _FaultyError(f"{field} is {value}: expected a finite number from 0 to {most:g}")
    return value
