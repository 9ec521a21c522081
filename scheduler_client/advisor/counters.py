"""What the advisor has done so far, for metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.advice import FallbackCause

BreakerState = Literal["closed", "open", "half_open"]

LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)
"""Upper bounds of the latency histogram's buckets, in seconds; one more bucket lies beyond."""

FALLBACK_CAUSES: tuple[FallbackCause, ...] = get_args(FallbackCause)


@dataclass(frozen=True, slots=True)
class AdvisorCounters:
    """A snapshot; what waits or is known now goes up and down, the other numbers only grow.

    Args:
        predictions: Requests that got their key from a prediction.
        fallbacks: Requests that did not, by cause; every cause is there.
        latency_counts: Advice given within each of LATENCY_BOUNDS_S and not within the one before,
            and last what took longer.
        latency_sum_s: Of all advice, in seconds.
        error_count: Predicted requests that ended by themselves.
        absolute_error_sum_tokens: Of those: |predicted - true| summed, in tokens.
        internal_errors: Exceptions that were swallowed on this side; the log names them.
        reports_sent: True lengths that the predictor acknowledged.
        reports_dropped: True lengths dropped, oldest first, because too many waited.
        reports_failed: True lengths that the predictor refused, or that were left at the end.
        reports_waiting: True lengths that wait to be sent.
        requests_known: Requests in flight that the advisor knows of.
        breaker_state: "closed": the predictor is asked; "open": it is left alone; "half_open": one
            call finds out whether it is back.
        service_time: The engine's speed as fitted so far.
    """

    predictions: int
    fallbacks: Mapping[FallbackCause, int]
    latency_counts: tuple[int, ...]
    latency_sum_s: float
    error_count: int
    absolute_error_sum_tokens: float
    internal_errors: int
    reports_sent: int
    reports_dropped: int
    reports_failed: int
    reports_waiting: int
    requests_known: int
    breaker_state: BreakerState
    service_time: ServiceTimeModel
