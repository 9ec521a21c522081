"""From the configuration to the parts of a service: here options become arguments."""

from collections.abc import Callable

from lengthwise.model_contexts import ModelContexts
from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.cache import Generation, PredictionCache
from predictor_service.batching.fair_queue import QueueLimits
from predictor_service.callers.authority import Authority
from predictor_service.callers.call_meter import CallMeter
from predictor_service.callers.caller_limits import CallerLimits
from predictor_service.callers.guard import Guard
from predictor_service.config import ServiceConfig
from predictor_service.drift.band import Band
from predictor_service.drift.monitor import DriftMonitor
from predictor_service.rpc.validation import RequestLimits
from predictor_service.serving_index.artifact_source import ArtifactSource
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.live_rows import LiveLearner
from predictor_service.serving_index.served_index import IndexSource, ServedIndex
from predictor_service.tracing.call_tracer import CallTracer


def artifact_source(config: ServiceConfig) -> ArtifactSource:
    """Reads the artifacts that `--index` names."""
    return ArtifactSource(
        config.index,
        threads=config.compute_threads,
        lanes=config.lanes,
        remembered_vectors=config.remembered_vectors,
        cache=config.index_cache,
        cascade=config.cascade == "on",
    )


def index_holder(config: ServiceConfig, source: IndexSource) -> IndexHolder:
    """Holds the served index; it is not loaded yet."""
    return IndexHolder(
        source, batch_size=config.max_batch_size, keep_previous=config.keep_previous == "memory"
    )


def guard(config: ServiceConfig, meter: CallMeter, tracer: CallTracer) -> Guard:
    """Lets callers in by the token files and rates that are set.

    Raises:
        ConfigError: A token file cannot be used.
    """
    return Guard(Authority.from_config(config), CallerLimits.from_config(config), meter, tracer)


def live_learner(
    config: ServiceConfig,
    source: IndexSource,
    current: Callable[[], ServedIndex | None],
    generation: Generation,
) -> LiveLearner:
    """Learns what is reported, and tells the cache's generation of it."""
    return LiveLearner(
        current,
        capacity_rows=config.live_capacity,
        prepare_thread=source.prepare_thread,
        on_learnt=generation.rows_added,
    )


def drift_monitor(config: ServiceConfig, on_alarm: Callable[[bool], None]) -> DriftMonitor:
    """Watches how well the served version predicts."""
    return DriftMonitor(
        window_rows=config.drift_window,
        band=Band(
            error_ratio=config.drift_error_ratio, coverage_margin=config.drift_coverage_margin
        ),
        on_alarm=on_alarm,
    )


def micro_batcher(config: ServiceConfig, source: IndexSource, holder: IndexHolder) -> MicroBatcher:
    """Computes micro-batches by the served index; its threads run from now on."""
    return MicroBatcher(
        lambda: holder.current,
        limits=QueueLimits(
            max_batch_size=config.max_batch_size,
            max_batch_chars=config.max_batch_chars,
            capacity=config.queue_capacity,
            capacity_chars=config.queue_capacity_chars,
        ),
        max_wait_s=config.max_batch_wait_ms / 1_000,
        lanes=config.lanes,
        widen=lambda wide: source.prepare_thread(wide=wide),
    )


def prediction_cache(config: ServiceConfig) -> PredictionCache:
    """Keeps answers to repeated prompts; empty at first."""
    return PredictionCache(
        capacity=config.cache_capacity, capacity_bytes=config.cache_capacity_bytes
    )


def request_limits(config: ServiceConfig) -> RequestLimits:
    """Bounds of a request and of a message."""
    return RequestLimits(
        max_prompt_chars=config.max_prompt_chars,
        max_batch_items=config.max_batch_items,
        contexts=ModelContexts.parse(config.model_context),
    )
