"""What the metrics are read from."""

from collections.abc import Callable
from dataclasses import dataclass

from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.cache import PredictionCache
from predictor_service.callers.call_meter import CallMeter
from predictor_service.completions.completion_store import CompletionStore
from predictor_service.drift.model_drift import ModelDrift
from predictor_service.drift.monitor import DriftMonitor
from predictor_service.rpc.health import Health
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.live_rows import LiveLearner


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a service that count.

    Args:
        calls: Of the guarded services.
        batcher: Its queue and micro-batches.
        cache: Of answers.
        holder: The served index.
        health: Whether it serves.
        learner: Of what is reported.
        completions: Those stored.
        drift: Judged predictions.
        drift_now: A snapshot of `drift`, from any thread.
        queue_capacity: Prompts that may wait.
    """

    calls: CallMeter
    batcher: MicroBatcher
    cache: PredictionCache
    holder: IndexHolder
    health: Health
    learner: LiveLearner
    completions: CompletionStore
    drift: DriftMonitor
    drift_now: Callable[[], tuple[ModelDrift, ...]]
    queue_capacity: int
