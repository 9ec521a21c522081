"""Prometheus metrics of the sidecar, and of the middleware where that asks."""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from scheduler_client.vllm_plugin.messages import Counted

BREAKER_LEVELS: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}
"""As numbers of which the greatest is the worst: of several processes that one is shown."""

LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)
"""From a predictor on the same machine to one that is far too slow."""


class PluginMetrics:
    """What one process did; docs/vllm_reference.md says what each means.

    Args:
        registry: Of prometheus_client, in which they are registered and shown.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._predictions = Counter(
            "lengthwise_predictions", "Requests that were predicted", registry=registry
        )
        self._fallbacks = Counter(
            "lengthwise_fallbacks",
            "Requests that go by the LLM's typical length",
            ["cause"],
            registry=registry,
        )
        for cause in FALLBACK_CAUSES:
            self._fallbacks.labels(cause)
        self._untouched = Counter(
            "lengthwise_untouched", "Requests whose priority the caller had set", registry=registry
        )
        self._latency_s = Histogram(
            "lengthwise_latency_seconds",
            "From asking about a request to its prediction",
            buckets=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self._judged = Counter(
            "lengthwise_judged_predictions",
            "Predicted requests that ended by themselves",
            registry=registry,
        )
        self._error_tokens = Counter(
            "lengthwise_absolute_error_tokens",
            "Of those: |predicted - true|, summed",
            registry=registry,
        )
        self._waited = Counter(
            "lengthwise_waited",
            "Requests that had to wait, by what ordered them",
            ["ordered_by"],
            registry=registry,
        )
        self._reports = Counter(
            "lengthwise_reports",
            "True lengths on their way to the predictor",
            ["outcome"],
            registry=registry,
        )
        self._internal_errors = Counter(
            "lengthwise_internal_errors",
            "Faults of the plugin that were swallowed; see the log",
            registry=registry,
        )
        self._unsent = Counter(
            "lengthwise_sidecar_unsent",
            "What the engine core could not tell its sidecar",
            registry=registry,
        )
        self._preemptions = Counter(
            "lengthwise_preemptions",
            "Running requests that made room for a shorter one",
            registry=registry,
        )
        self._step_s = Counter(
            "lengthwise_step_seconds",
            "Time that ordering the queue took of the engine's steps",
            registry=registry,
        )
        self._steps = Counter("lengthwise_steps", "Those steps", registry=registry)
        self._waiting = Gauge(
            "lengthwise_reports_waiting",
            "True lengths that wait to be reported",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._breaker = Gauge(
            "lengthwise_breaker_state",
            "The predictor is asked (0), tried again (1), left alone (2)",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._token_s = Gauge(
            "lengthwise_decode_seconds_per_output_token",
            "The engine's own speed, as fitted to its finished requests",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._batch_limit = Gauge(
            "lengthwise_batch_limit",
            "Requests that the live limit lets run at once; 0 without one",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._itl_s = Gauge(
            "lengthwise_inter_token_seconds",
            "Between two tokens of a request, as the live limit sees them of late",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._seen: dict[int, float] = {}

    def serve(self, port: int) -> None:
        """Serve them at a port of their own."""
        try:
            start_http_server(port)
        except OSError as error:
            LOGGER.warning("Lengthwise's metrics are not served at port %d: %s", port, error)

    def predicted(self, latency_s: float) -> None:
        """A prediction came."""
        self._predictions.inc()
        self._latency_s.observe(latency_s)

    def fell_back(self, cause: str) -> None:
        """There will be no prediction of a request."""
        self._fallbacks.labels(cause).inc()

    def not_asked(self, asking: str) -> None:
        """Nobody was asked about a request: its text is missing, or its caller placed it."""
        if asking == "untouched":
            self._untouched.inc()
        elif asking not in ("policy", "again"):
            self._fallbacks.labels(asking).inc()

    def judged(self, predicted_tokens: float, output_tokens: int) -> None:
        """A request that was predicted ended by itself."""
        self._judged.inc()
        self._error_tokens.inc(abs(predicted_tokens - output_tokens))

    def unknown_end(self) -> None:
        """A true length came of a request that is not known here."""
        self._reports.labels("unknown").inc()

    def internal_error(self) -> None:
        """An exception was swallowed."""
        self._internal_errors.inc()

    def follow(
        self,
        asker: Asker,
        reporter: Reporter,
        core: "Counted",
        speed: ServiceTimeModel,
        faults: int,
    ) -> None:
        """Take over what others counted."""
        self._breaker.set(BREAKER_LEVELS[asker.breaker.state])
        self._waiting.set(reporter.waiting)
        self._token_s.set(speed.decode_s_per_output_token)
        self._batch_limit.set(core.batch_limit)
        self._itl_s.set(core.itl_s)
        self._raise_to(self._reports.labels("sent"), reporter.sent)
        self._raise_to(self._reports.labels("dropped"), reporter.dropped)
        self._raise_to(self._reports.labels("failed"), reporter.failed)
        self._raise_to(self._waited.labels("prediction"), core.waited_predicted)
        self._raise_to(self._waited.labels("typical"), core.waited_typical)
        self._raise_to(self._internal_errors, core.internal_errors + faults)
        self._raise_to(self._unsent, core.unsent)
        self._raise_to(self._preemptions, core.preemptions)
        self._raise_to(self._step_s, core.step_s)
        self._raise_to(self._steps, core.steps)

    def _raise_to(self, counter: Counter, value: float) -> None:
        counter.inc(max(0.0, value - self._seen.get(id(counter), 0.0)))
        self._seen[id(counter)] = value
