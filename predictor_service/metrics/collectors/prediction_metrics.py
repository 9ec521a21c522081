"""Metrics of the way from prompts to answers."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from predictor_service.metrics.family import counter, counters, gauge, histogram
from predictor_service.metrics.sources import Sources


def prediction_metrics(sources: Sources) -> Iterator[Metric]:
    """Of the queue, the micro-batches and the cache."""
    meter, cache = sources.batcher.meter, sources.cache
    yield gauge("queue_prompts", "Prompts that wait.", sources.batcher.waiting)
    yield gauge("queue_capacity_prompts", "Prompts that may wait.", sources.queue_capacity)
    yield histogram("queue_seconds", "From a prompt's arrival to its micro-batch.", meter.queue_s)
    yield histogram("batch_prompts", "Prompts in a micro-batch.", meter.sizes)
    yield histogram("encode_seconds", "Encoding a micro-batch.", meter.encode_s)
    yield histogram("search_seconds", "Searching and estimating a micro-batch.", meter.search_s)
    yield counter("failed_predictions", "Prompts of micro-batches without answer.", meter.failed)
    yield counters(
        "cache_lookups",
        "Prompts looked up in the cache, by result.",
        ("result",),
        {("hit",): cache.hits, ("miss",): cache.misses},
    )
    yield gauge("cache_answers", "Answers in the cache.", len(cache))
    yield gauge("cache_bytes", "Memory that they take, roughly.", cache.size_bytes)
