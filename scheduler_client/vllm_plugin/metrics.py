"""Prometheus metrics beside vLLM's own, at its /metrics.

Ordinary metrics of the default registry: with several API servers vLLM collects those of all its
processes, and that works for nothing else.
"""

from prometheus_client import Counter, Gauge, Histogram

from scheduler_client.advisor import Advice, AdvisorCounters, BreakerState
from scheduler_client.advisor.counters import FALLBACK_CAUSES, LATENCY_BOUNDS_S

BREAKER_LEVELS: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}


class PluginMetrics:
    """What this process did; docs/vllm.md says what each means."""

    def __init__(self) -> None:
        self._predictions = Counter(
            "lengthwise_predictions", "Requests whose priority rests on a prediction"
        )
        self._fallbacks = Counter(
            "lengthwise_fallbacks", "Requests that go by the LLM's typical length", ["cause"]
        )
        for cause in FALLBACK_CAUSES:
            self._fallbacks.labels(cause)
        self._untouched = Counter(
            "lengthwise_untouched", "Requests whose priority the caller had set"
        )
        self._latency_s = Histogram(
            "lengthwise_latency_seconds",
            "How long a request waited for its priority",
            buckets=LATENCY_BOUNDS_S,
        )
        self._judged = Counter(
            "lengthwise_judged_predictions", "Predicted requests that ended by themselves"
        )
        self._error_tokens = Counter(
            "lengthwise_absolute_error_tokens", "Of those: |predicted - true|, summed"
        )
        self._reports = Counter(
            "lengthwise_reports", "True lengths on their way to the predictor", ["outcome"]
        )
        self._internal_errors = Counter(
            "lengthwise_internal_errors", "Faults of the plugin that were swallowed; see the log"
        )
        self._waiting = Gauge(
            "lengthwise_reports_waiting",
            "True lengths that wait to be reported",
            multiprocess_mode="livesum",
        )
        self._breaker = Gauge(
            "lengthwise_breaker_state",
            "The predictor is asked (0), tried again (1), left alone (2)",
            multiprocess_mode="livemax",
        )
        self._token_s = Gauge(
            "lengthwise_decode_seconds_per_output_token",
            "The engine's own speed, as fitted to its finished requests",
            multiprocess_mode="mostrecent",
        )
        self._seen: AdvisorCounters | None = None

    def advised(self, advice: Advice) -> None:
        """A request got its priority."""
        if advice.fallback is None:
            self._predictions.inc()
        else:
            self._fallbacks.labels(advice.fallback).inc()
        self._latency_s.observe(advice.latency_s)

    def fell_back(self, cause: str) -> None:
        """A request got its priority without the predictor being asked."""
        self._fallbacks.labels(cause).inc()

    def untouched(self) -> None:
        """The caller had set a priority."""
        self._untouched.inc()

    def internal_error(self) -> None:
        """An exception was swallowed."""
        self._internal_errors.inc()

    def follow(self, now: AdvisorCounters) -> None:
        """Take over what the advisor counted since the last time."""
        self._breaker.set(BREAKER_LEVELS[now.breaker_state])
        self._waiting.set(now.reports_waiting)
        self._token_s.set(now.service_time.decode_s_per_output_token)
        for counter, field in (
            (self._judged, "error_count"),
            (self._error_tokens, "absolute_error_sum_tokens"),
            (self._internal_errors, "internal_errors"),
            (self._reports.labels("sent"), "reports_sent"),
            (self._reports.labels("dropped"), "reports_dropped"),
            (self._reports.labels("failed"), "reports_failed"),
        ):
            before = getattr(self._seen, field) if self._seen is not None else 0
            counter.inc(max(0.0, getattr(now, field) - before))
        self._seen = now
