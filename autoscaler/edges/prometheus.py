"""The autoscaler's own metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from autoscaler.core.decision import Decision
from autoscaler.core.demand import Knowledge
from autoscaler.errors import InvalidConfigError

PREFIX = "lengthwise_autoscaler"
"""Of every name, so that none is taken for the predictors' or the engines'."""


class AutoscalerMetrics:
    """What was decided, on what, and what was reported.

    A pool that has not been decided on yet has no series: nothing must look like a wish for none.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        pool = ["pool"]
        self._wanted = self._gauge("wanted_instances", "That KEDA is told.", pool)
        self._needed = self._gauge("needed_instances", "Before damping.", pool)
        self._current = self._gauge("current_instances", "Ready or starting.", pool)
        self._ready = self._gauge("ready_instances", "That serve.", pool)
        self._ibp = self._gauge("interactive_backpressure", "Chiron's IBP, 0 to 1.")
        self._bbp = self._gauge("batch_backpressure_groups", "Groups that miss their deadline.")
        self._held = self._gauge("held", "1 while what is known is too old to go by, else 0.")
        self._knowledge = self._gauge(
            "knowledge", "1 for the worst source of lengths in use, else 0.", ["source"]
        )
        self._decisions = Counter(
            f"{PREFIX}_decisions_total", "Decisions since the start.", registry=self.registry
        )
        self._reports = Counter(
            f"{PREFIX}_reports_total", "Reports of gateways taken in.", registry=self.registry
        )
        self._faults = Counter(
            f"{PREFIX}_report_faults_total", "Parts of them left out.", registry=self.registry
        )

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is asked for whenever it is scraped."""
        self._gauge(name, what).set_function(value)

    def decided(self, decision: Decision) -> None:
        """Show a decision."""
        for pool, one in decision.pools.items():
            for gauge, count in (
                (self._wanted, one.wanted),
                (self._needed, one.needed),
                (self._current, one.current),
                (self._ready, one.ready),
            ):
                gauge.labels(pool.value).set(count)
        self._ibp.set(decision.interactive_backpressure)
        self._bbp.set(decision.batch_backpressure)
        self._held.set(decision.held)
        for known in Knowledge:
            self._knowledge.labels(known.name.lower()).set(known is decision.knowledge)
        self._decisions.inc()

    def reported(self, faults: int) -> None:
        """Count a report and what of it was left out."""
        self._reports.inc()
        self._faults.inc(faults)

    def _gauge(self, name: str, what: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", what, labels or [], registry=self.registry)


class MetricsServer:
    """Serves them by HTTP at /metrics.

    Args:
        metrics: Whose registry is served at each scrape.
        listen: HOST:PORT; port 0 for any that is free.
    """

    def __init__(self, metrics: AutoscalerMetrics, listen: str) -> None:
        self._metrics = metrics
        self._listen = listen
        self._stop: Callable[[], None] = lambda: None
        self.port = 0

    async def start(self) -> None:
        """Bind and serve, in a thread of its own.

        Raises:
            InvalidConfigError: If the address cannot be bound.
        """
        host, _, port = self._listen.rpartition(":")
        try:
            server, _ = start_http_server(int(port), host, self._metrics.registry)
        except OSError as error:
            raise InvalidConfigError(
                f"metrics.listen is {self._listen}: it cannot be bound ({error})"
            ) from error
        self.port = server.server_port

        def stop() -> None:
            server.shutdown()
            server.server_close()

        self._stop = stop

    async def stop(self) -> None:
        """Serve no more."""
        self._stop()
