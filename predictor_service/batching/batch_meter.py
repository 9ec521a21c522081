"""Measures micro-batches. Written under the batcher's lock."""

from collections import Counter
from collections.abc import Iterable

from lengthwise.prediction import Tier
from predictor_service.batching.job import Answer, AnswerOrError
from predictor_service.histogram import BATCH_BOUNDS, LATENCY_BOUNDS_S, Histogram
from predictor_service.serving_index.inference import BatchFacts


class BatchMeter:
    """How large micro-batches were, what answered, and where the time of their prompts went."""

    def __init__(self) -> None:
        self.sizes = Histogram(BATCH_BOUNDS)
        self.queue_s = Histogram(LATENCY_BOUNDS_S)
        self.encode_s = Histogram(LATENCY_BOUNDS_S)
        self.search_s = Histogram(LATENCY_BOUNDS_S)
        self.failed = 0
        self.by_tier: Counter[Tier] = Counter({"first": 0, "second": 0})

    def computed(self, outcomes: Iterable[AnswerOrError | None]) -> None:
        """Count a micro-batch, which was computed at once or, if that failed, prompt by prompt."""
        last: BatchFacts | None = None
        for outcome in outcomes:
            if not isinstance(outcome, Answer):
                self.failed += 1
                continue
            self.by_tier[outcome.estimate.tier] += 1
            self.queue_s.observe(outcome.queue_us / 1e6)
            if outcome.batch is not last:
                last = outcome.batch
                self.sizes.observe(last.size)
                self.encode_s.observe(last.encode_us / 1e6)
                self.search_s.observe(last.search_us / 1e6)
