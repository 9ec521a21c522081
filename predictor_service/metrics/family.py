"""Metric families, with the prefix that tells them from those of the plugin inside vLLM."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from predictor_service.histogram import Histogram

PREFIX = "lengthwise_service_"
"""Of every metric's name."""


def counter(name: str, text: str, value: float) -> Metric:
    """A single count; Prometheus sees its name with _total."""
    return CounterMetricFamily(PREFIX + name, text, value=value)


def counters(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """Counts by labels; Prometheus sees its name with _total."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def gauge(name: str, text: str, value: float) -> Metric:
    """A single value, which may fall again."""
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float | None]]) -> Metric:
    """Values by one label; those that are None are left out."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=(label,))
    for key, value in values:
        if value is not None:
            family.add_metric((key,), value)
    return family


def info(name: str, text: str, values: Mapping[str, str]) -> Metric:
    """Words rather than numbers; Prometheus sees its name with _info and the value 1."""
    return InfoMetricFamily(PREFIX + name, text, value=dict(values))


def histogram(name: str, text: str, values: Histogram) -> Metric:
    """A histogram without labels; see `histograms`."""
    return histograms(name, text, (), {(): values})


def histograms(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], Histogram]
) -> Metric:
    """Histograms by labels; Prometheus sees names with _bucket, _sum and _count."""
    family = HistogramMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        counted = value.read()
        bounds = [*(str(float(bound)) for bound in counted.bounds), "+Inf"]
        buckets = list(zip(bounds, counted.cumulative, strict=True))
        family.add_metric(key, buckets, counted.total)
    return family
