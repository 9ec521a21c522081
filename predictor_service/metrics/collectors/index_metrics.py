"""Metrics of the served index."""

import time
from collections.abc import Iterator
from importlib.metadata import version as installed_version

from prometheus_client.core import Metric

from predictor_service.metrics.family import counter, gauge, info
from predictor_service.metrics.sources import Sources


def index_metrics(sources: Sources) -> Iterator[Metric]:
    """Of the index, its age and those before it."""
    holder = sources.holder
    yield info("build", "The version of Lengthwise.", {"version": installed_version("lengthwise")})
    yield gauge("serving", "1 while predictions are served.", int(sources.health.serving))
    yield counter("index_swaps", "Times that another version took over.", holder.swaps)
    yield counter("index_refused_swaps", "Versions that could not be served.", holder.refused_swaps)
    if not holder.loaded:
        return
    summary = holder.current.info()
    yield info("index", "The served version of the index.", {"version": summary.version})
    yield gauge("index_rows", "Past prompts in the served index.", summary.rows)
    yield gauge(
        "index_age_seconds", "Since it was built.", max(0.0, time.time() - summary.created_unix_s)
    )
    yield gauge(
        "index_switched_timestamp_seconds",
        "Unix time since which it is served.",
        holder.switched_unix_s,
    )
