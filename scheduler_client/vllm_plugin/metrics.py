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

_Shown = Literal["livesum", "livemax", "livemostrecent"]
"""What is shown of several processes' gauges."""

_CORE_COUNTERS = {
    "internal_errors": "Faults of the plugin that were swallowed; see the log",
    "sidecar_unsent": "Requests of whose end the sidecar was too slow to be told",
    "preemptions": "Running requests that made room for a shorter one",
    "step_seconds": "Time that ordering the queue took of the engine's steps",
    "steps": "Those steps",
}
"""Names, less PREFIX, of what the engine core counts on the board, and help texts."""


class PluginMetrics:
    """What one process did; docs/vllm_reference.md says what each means.

    Args:
        registry: Of prometheus_client, in which they are registered and shown.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def gauge(name: str, text: str, shown_of_several: _Shown) -> Gauge:
            return Gauge(PREFIX + name, text, multiprocess_mode=shown_of_several, registry=registry)

        self._predictions = counter("predictions", "Requests that were predicted")
        self._untouched = counter("untouched", "Requests whose priority the caller had set")
        self._judged = counter("judged_predictions", "Predicted requests that ended by themselves")
        self._absolute_error_tokens = counter(
            "absolute_error_tokens", "Of those: |predicted - true|, summed"
        )
        self._fallbacks = counter(
            "fallbacks", "Requests that go by the LLM's typical length", "cause"
        )
        self._reports = counter("reports", "True lengths on their way to the predictor", "outcome")
        waited = counter("waited", "Requests that had to wait, by what ordered them", "ordered_by")
        self._of_core = {name: counter(name, text) for name, text in _CORE_COUNTERS.items()}
        for by in ("prediction", "typical"):
            self._of_core[f"waited_{by}"] = waited.labels(by)
        self._reports_waiting = gauge(
            "reports_waiting", "True lengths that wait to be reported", "livesum"
        )
        self._breaker_state = gauge(
            "breaker_state",
            "The predictor is asked (0), tried again (1), left alone (2)",
            "livemax",
        )
        self._decode_s = gauge(
            "decode_seconds_per_output_token",
            "The engine's own speed, as fitted to its finished requests",
            "livemostrecent",
        )
        self._batch_limit = gauge(
            "batch_limit", "Requests that the live limit lets run at once; 0 without one", "livemax"
        )
        self._inter_token_s = gauge(
            "inter_token_seconds",
            "Between two tokens of a request, as the live limit sees them of late",
            "livemax",
        )
        self._latency_s = Histogram(
            f"{PREFIX}latency_seconds",
            "From asking about a request to its prediction",
            buckets=LATENCY_BOUNDS_S,
            registry=registry,
        )
        for cause in FALLBACK_CAUSES:
            self._fallbacks.labels(cause)
        self._seen: dict[Counter, float] = {}

    def serve(self, port: int) -> None:
        """Serve them at a port of their own."""
        try:
            start_http_server(port)
        except (OSError, OverflowError) as error:  # taken, or beyond 65,535: the index counts
            LOGGER.warning("Lengthwise's metrics are not served at port %d: %s", port, error)

    def predicted(self, latency_s: float) -> None:
        """A prediction came."""
        self._predictions.inc()
        self._latency_s.observe(latency_s)

    def fell_back(self, cause: str) -> None:
        """There will be no prediction of a request."""
        self._fallbacks.labels(cause).inc()

    def not_asked(self, asking: str) -> None:
        """Nobody was asked about a request, for a reason that counts or for another."""
        if asking == "untouched":
            self._untouched.inc()
        elif asking not in ("policy", "again"):
            self.fell_back(asking)

    def judged(self, predicted_tokens: float, output_tokens: int) -> None:
        """A request that was predicted ended by itself."""
        self._judged.inc()
        self._absolute_error_tokens.inc(abs(predicted_tokens - output_tokens))

    def unknown_end(self) -> None:
        """A true length came of a request that is not known here."""
        self._reports.labels("unknown").inc()

    def follow(self, asker: Asker, reporter: Reporter, faults: int) -> None:
        """Take over what others of this process counted."""
        self._breaker_state.set(BREAKER_LEVELS[asker.breaker.state])
        self._rises_to(self._of_core["internal_errors"], faults)
        self._reports_waiting.set(reporter.waiting)
        for outcome in ("sent", "dropped", "failed"):
            self._rises_to(self._reports.labels(outcome), getattr(reporter, outcome))

    def follow_engine(self, board: Board, speed: ServiceTimeModel) -> None:
        """Take over what the engine core counted, and no sidecar before this one did."""
        self._decode_s.set(speed.decode_s_per_output_token)
        self._batch_limit.set(board.batch_limit)
        self._inter_token_s.set(board.itl_s)
        now = Counts.from_buffer_copy(board.counts)
        for name, counter in self._of_core.items():
            counter.inc(getattr(now, name) - getattr(board.shown, name))
        board.shown = now

    def _rises_to(self, counter: Counter, value: float) -> None:
        counter.inc(value - self._seen.get(counter, 0.0))
        self._seen[counter] = value
