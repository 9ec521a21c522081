"""Metrics of reported completions."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from predictor_service.metrics.family import counter, gauge
from predictor_service.metrics.sources import Sources


def completion_metrics(sources: Sources) -> Iterator[Metric]:
    """Of what is stored, and what counts before the next build."""
    learner, holder = sources.learner, sources.holder
    recent = holder.current.recent if holder.loaded else None
    yield counter("completions", "Completions stored.", sources.completions.reported)
    yield gauge(
        "live_rows",
        "Completions that predictions take into account beside the index.",
        0 if recent is None else len(recent),
    )
    yield counter("learnt_rows", "Completions added to those.", learner.learnt)
    yield counter("left_out_rows", "Completions left to the next build.", learner.left_out)
