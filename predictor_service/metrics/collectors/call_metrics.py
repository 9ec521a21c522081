"""Metrics of calls."""

from collections.abc import Iterator

import grpc
from prometheus_client.core import Metric

from predictor_service.metrics.family import counters, gauge, histograms
from predictor_service.metrics.sources import Sources

CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


def call_metrics(sources: Sources) -> Iterator[Metric]:
    """Of every call to the guarded services."""
    calls = sources.calls
    yield counters(
        "requests",
        "Calls that ended, by method and gRPC status.",
        ("method", "code"),
        {(method, CODES.get(code, "?")): n for (method, code), n in calls.ended.copy().items()},
    )
    yield gauge("requests_under_way", "Calls that have come and not ended.", calls.under_way)
    yield histograms(
        "request_seconds",
        "From a call's message to its answer, in seconds; streams are left out.",
        ("method",),
        {(method,): values for method, values in calls.seconds.copy().items()},
    )
    yield counters(
        "refused_requests",
        "Calls not let in: unknown caller, forbidden, too fast.",
        ("reason",),
        {(reason,): n for reason, n in calls.refused.copy().items()},
    )
