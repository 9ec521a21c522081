"""All metrics of a service."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from predictor_service.metrics.collectors import (
    call_metrics,
    completion_metrics,
    drift_metrics,
    index_metrics,
    prediction_metrics,
)
from predictor_service.metrics.sources import Sources

ReadMetrics = Callable[[Sources], Iterable[Metric]]

CONCERNS: tuple[ReadMetrics, ...] = (
    call_metrics,
    prediction_metrics,
    index_metrics,
    completion_metrics,
    drift_metrics,
)


class _Concern(Collector):
    """One concern, read when Prometheus asks."""

    def __init__(self, read: ReadMetrics, sources: Sources) -> None:
        self._read = read
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Its metrics as they are now."""
        yield from self._read(self._sources)

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is read."""
        return ()


def registry_of(sources: Sources) -> CollectorRegistry:
    """A registry of a service's own: two of them in one process do not meet."""
    registry = CollectorRegistry(auto_describe=False)
    for read in CONCERNS:
        registry.register(_Concern(read, sources))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
