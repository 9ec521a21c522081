"""What the metrics are read from."""

from collections.abc import Callable
from dataclasses import dataclass

from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.cache import PredictionCache
from predictor_service.callers.call_meter import CallMeter
from predictor_service.completions.completion_store import CompletionStore
from predictor_service.completions.report_meter import ReportMeter
from predictor_service.drift.model_window import ModelDrift
from predictor_service.drift.monitor import DriftMonitor
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.live_rows import LiveLearner


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a service that count.

    Args:
        calls: Counts the calls of the guarded services.
        batcher: Counts what waits, and measures the micro-batches.
        cache: Counts the answers that are kept, hits and misses.
        holder: Holds the served index, and counts the swaps.
        serving: True while predictions are served.
        learner: Counts the reported rows that were learnt and left out.
        completions: Counts the completions that were stored.
        reports: Counts what was reported more than once.
        drift: Counts the reports held against their prediction.
        drift_now: Gives a snapshot of `drift`, from any thread.
        queue_capacity: Prompts that may wait for a micro-batch.
    """

    calls: CallMeter
    batcher: MicroBatcher
    cache: PredictionCache
    holder: IndexHolder
    serving: Callable[[], bool]
    learner: LiveLearner
    completions: CompletionStore
    reports: ReportMeter
    drift: DriftMonitor
    drift_now: Callable[[], tuple[ModelDrift, ...]]
    queue_capacity: int
