"""Prometheus metrics of the sidecar, and of the middleware where that asks."""

from typing import Literal

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor.asker import FALLBACK_CAUSES, Asker
from scheduler_client.advisor.breaker import BreakerState
from scheduler_client.advisor.reporter import Reporter
from scheduler_client.vllm_plugin.log import LOGGER
from scheduler_client.vllm_plugin.sidecar.board import Board, Counts

PREFIX = "lengthwise_"
"""Of every metric."""

BREAKER_LEVELS: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}
"""As numbers of which the greatest is the worst: of several processes that one is shown."""

LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)
"""From a predictor on the same machine to one that is far too slow."""


_COUNTERS = {
    "predictions": "Requests that were predicted",
    "untouched": "Requests whose priority the caller had set",
    "judged_predictions": "Predicted requests that ended by themselves",
    "absolute_error_tokens": "Of those: |predicted - true|, summed",
    "internal_errors": "Faults of the plugin that were swallowed; see the log",
    "sidecar_unsent": "Requests of whose end the sidecar was too slow to be told",
    "preemptions": "Running requests that made room for a shorter one",
    "step_seconds": "Time that ordering the queue took of the engine's steps",
    "steps": "Those steps",
}
"""Name, less PREFIX, and help text."""

_LABELLED_COUNTERS = {
    "fallbacks": ("Requests that go by the LLM's typical length", "cause"),
    "waited": ("Requests that had to wait, by what ordered them", "ordered_by"),
    "reports": ("True lengths on their way to the predictor", "outcome"),
}
"""The same with the name of a label."""

_GAUGES: dict[str, tuple[str, Literal["livesum", "livemax", "mostrecent"]]] = {
    "reports_waiting": ("True lengths that wait to be reported", "livesum"),
    "breaker_state": ("The predictor is asked (0), tried again (1), left alone (2)", "livemax"),
    "decode_seconds_per_output_token": (
        "The engine's own speed, as fitted to its finished requests",
        "mostrecent",
    ),
    "batch_limit": ("Requests that the live limit lets run at once; 0 without one", "livemax"),
    "inter_token_seconds": (
        "Between two tokens of a request, as the live limit sees them of late",
        "livemax",
    ),
}
"""The same with what is shown of several processes."""


class PluginMetrics:
    """What one process did; docs/vllm_reference.md says what each means.

    Args:
        registry: Of prometheus_client, in which they are registered and shown.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._counters = {
            name: Counter(PREFIX + name, text, registry=registry)
            for name, text in _COUNTERS.items()
        }
        self._labelled = {
            name: Counter(PREFIX + name, text, [label], registry=registry)
            for name, (text, label) in _LABELLED_COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(PREFIX + name, text, multiprocess_mode=mode, registry=registry)
            for name, (text, mode) in _GAUGES.items()
        }
        self._latency_s = Histogram(
            f"{PREFIX}latency_seconds",
            "From asking about a request to its prediction",
            buckets=LATENCY_BOUNDS_S,
            registry=registry,
        )
        for cause in FALLBACK_CAUSES:
            self._labelled["fallbacks"].labels(cause)
        self._seen: dict[Counter, float] = {}

    def serve(self, port: int) -> None:
        """Serve them at a port of their own."""
        try:
            start_http_server(port)
        except (
            OSError,
            OverflowError,
        ) as error:  # taken, or beyond 65,535: the engine's index counts
            LOGGER.warning("Lengthwise's metrics are not served at port %d: %s", port, error)

    def predicted(self, latency_s: float) -> None:
        """A prediction came."""
        self._counters["predictions"].inc()
        self._latency_s.observe(latency_s)

    def fell_back(self, cause: str) -> None:
        """There will be no prediction of a request."""
        self._labelled["fallbacks"].labels(cause).inc()

    def not_asked(self, asking: str) -> None:
        """Nobody was asked about a request: its text is missing, or its caller placed it."""
        if asking == "untouched":
            self._counters["untouched"].inc()
        elif asking not in ("policy", "again"):
            self.fell_back(asking)

    def judged(self, predicted_tokens: float, output_tokens: int) -> None:
        """A request that was predicted ended by itself."""
        self._counters["judged_predictions"].inc()
        self._counters["absolute_error_tokens"].inc(abs(predicted_tokens - output_tokens))

    def unknown_end(self) -> None:
        """A true length came of a request that is not known here."""
        self._labelled["reports"].labels("unknown").inc()

    def reports(self, reporter: Reporter) -> None:
        """True lengths were sent, or wait to be."""
        self._gauges["reports_waiting"].set(reporter.waiting)
        outcomes = self._labelled["reports"]
        self._rises_to(outcomes.labels("sent"), reporter.sent)
        self._rises_to(outcomes.labels("dropped"), reporter.dropped)
        self._rises_to(outcomes.labels("failed"), reporter.failed)

    def internal_error(self) -> None:
        """An exception was swallowed."""
        self._counters["internal_errors"].inc()

    def follow(
        self,
        asker: Asker,
        reporter: Reporter,
        speed: ServiceTimeModel,
        faults: int,
    ) -> None:
        """Take over what others of this process counted."""
        self._gauges["breaker_state"].set(BREAKER_LEVELS[asker.breaker.state])
        self._gauges["decode_seconds_per_output_token"].set(speed.decode_s_per_output_token)
        self.reports(reporter)
        self._rises_to(self._counters["internal_errors"], faults)

    def follow_core(self, board: Board) -> None:
        """Take over what the engine core counted, and no sidecar before this one did."""
        self._gauges["batch_limit"].set(board.batch_limit)
        self._gauges["inter_token_seconds"].set(board.itl_s)
        now, shown = Counts.from_buffer_copy(board.counts), board.shown
        waited, counters = self._labelled["waited"], self._counters
        waited.labels("prediction").inc(now.waited_predicted - shown.waited_predicted)
        waited.labels("typical").inc(now.waited_typical - shown.waited_typical)
        counters["internal_errors"].inc(now.internal_errors - shown.internal_errors)
        counters["sidecar_unsent"].inc(now.unsent - shown.unsent)
        counters["preemptions"].inc(now.preemptions - shown.preemptions)
        counters["step_seconds"].inc(now.step_s - shown.step_s)
        counters["steps"].inc(now.steps - shown.steps)
        board.shown = now

    def _rises_to(self, counter: Counter, value: float) -> None:
        counter.inc(max(0.0, value - self._seen.get(counter, 0.0)))
        self._seen[counter] = value
