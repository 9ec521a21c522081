"""What Prometheus is told: of calls, completions, drift, the index and predictions."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version as installed_version

import grpc
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from predictor_service.drift.model_window import ModelDrift
from predictor_service.metrics.family import (
    counter,
    counters,
    gauge,
    gauges,
    histogram,
    histograms,
    info,
)
from predictor_service.metrics.sources import Sources

CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
"""Names of gRPC statuses by number."""

DRIFT_METRICS = {
    "rows": "Judged predictions in the window.",
    "mae_tokens": "Mean absolute error of the predicted medians, in tokens.",
    "log_error": "Mean absolute error of log(1 + length).",
    "tau_b": "Kendall's tau-b of predicted and true lengths.",
    "coverage_90": "Share of true lengths inside the 90 % interval.",
    "promised_mae_tokens": "The error by the evaluation of the index, in tokens.",
    "promised_coverage_90": "The coverage by the evaluation of the index.",
    "alarm": "1 while error or coverage are outside their band.",
}
"""A gauge for each of these fields of `ModelDrift`."""

OTHER_LLMS = "(others)"
"""Label of the LLMs that the index has no rows of: the one with an alarm, or with the most rows."""


def call_metrics(sources: Sources) -> Iterator[Metric]:
    """Of every call to the guarded services."""
    calls = sources.calls
    yield counters(
        "requests",
        "Calls that ended, by method and gRPC status.",
        ("method", "code"),
        {(method, CODES.get(code, "?")): n for (method, code), n in calls.ended.copy().items()},
    )
    yield gauge("requests_under_way", "Calls that have come and not ended.", calls.under_way)
    yield histograms(
        "request_seconds",
        "From a call's message to its answer, in seconds; streams are left out.",
        ("method",),
        {(method,): values for method, values in calls.seconds.copy().items()},
    )
    yield counters(
        "refused_requests",
        "Calls not let in: unknown caller, forbidden, too fast.",
        ("reason",),
        {(reason,): n for reason, n in calls.refused.copy().items()},
    )


def completion_metrics(sources: Sources) -> Iterator[Metric]:
    """Of what is stored, and what counts before the next build."""
    learner, holder = sources.learner, sources.holder
    recent = holder.current.recent if holder.loaded else None
    yield counter("completions", "Completions stored.", sources.completions.reported)
    yield counter(
        "duplicate_completions",
        "Completions whose caller had reported their id before.",
        sources.reports.duplicates,
    )
    yield counter(
        "differing_completions",
        "Those of them that said something else than before.",
        sources.reports.differing,
    )
    yield gauge(
        "live_rows",
        "Completions that predictions take into account beside the index.",
        0 if recent is None else len(recent),
    )
    yield counter("learnt_rows", "Completions added to those.", learner.learnt)
    yield counter("left_out_rows", "Completions left to the next build.", learner.left_out)


def drift_metrics(sources: Sources) -> Iterator[Metric]:
    """Of each LLM, over the window of its last reports."""
    found = _bounded(sources.drift_now(), sources.drift.own_models)
    for name, text in DRIFT_METRICS.items():
        yield gauges(
            f"drift_{name}", text, "llm", [(one.model, getattr(one, name)) for one in found]
        )
    yield counter("drift_judged", "Reports held against their prediction.", sources.drift.scored)
    yield counter(
        "drift_unmatched",
        "Reports whose prediction is not known, or another version's.",
        sources.drift.unmatched,
    )


def _bounded(found: Sequence[ModelDrift], own: Collection[str]) -> list[ModelDrift]:
    """Those of the index's own LLMs, and the worst of the others under one label.

    A label for every name that is ever reported would be a series for each, for good.
    """
    others = [one for one in found if one.model and one.model not in own]
    told = [one for one in found if one not in others]
    if others:
        worst = max(others, key=lambda one: (one.alarm, one.rows))
        told.append(replace(worst, model=OTHER_LLMS))
    return told


def index_metrics(sources: Sources) -> Iterator[Metric]:
    """Of the index, its age and those before it."""
    holder = sources.holder
    yield info("build", "The version of Lengthwise.", {"version": installed_version("lengthwise")})
    yield gauge("serving", "1 while predictions are served.", int(sources.serving()))
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


def prediction_metrics(sources: Sources) -> Iterator[Metric]:
    """Of the queue, the micro-batches and the cache."""
    meter, cache = sources.batcher.meter, sources.cache
    yield gauge("queue_prompts", "Prompts that wait.", sources.batcher.waiting)
    yield gauge("queue_capacity_prompts", "Prompts that may wait.", sources.queue_capacity)
    yield histogram("queue_seconds", "From a prompt's arrival to its micro-batch.", meter.queue_s)
    yield histogram("batch_prompts", "Prompts in a micro-batch.", meter.sizes)
    yield histogram("encode_seconds", "Encoding a micro-batch.", meter.encode_s)
    yield histogram("search_seconds", "Searching and estimating a micro-batch.", meter.search_s)
    yield counters(
        "predictions",
        "Prompts answered, those from the cache left out, by the tier that answered.",
        ("tier",),
        {(tier,): count for tier, count in meter.by_tier.copy().items()},
    )
    yield counter("failed_predictions", "Prompts of micro-batches without answer.", meter.failed)
    yield counters(
        "cache_lookups",
        "Prompts looked up in the cache, by result.",
        ("result",),
        {("hit",): cache.hits, ("miss",): cache.misses},
    )
    yield gauge("cache_answers", "Answers in the cache.", len(cache))
    yield gauge("cache_bytes", "Memory that they take, roughly.", cache.size_bytes)


ReadMetrics = Callable[[Sources], Iterable[Metric]]

CONCERNS: tuple[ReadMetrics, ...] = (
    call_metrics,
    prediction_metrics,
    index_metrics,
    completion_metrics,
    drift_metrics,
)
"""Each becomes a collector of its own, in the order in which the page of metrics shows them."""


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


def build_registry(sources: Sources) -> CollectorRegistry:
    """A registry of a service's own: two of them in one process do not meet."""
    registry = CollectorRegistry(auto_describe=False)
    for read in CONCERNS:
        registry.register(_Concern(read, sources))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
