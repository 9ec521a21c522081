"""How an engine's plugin came by the priorities that it gave."""

from collections.abc import Mapping
from dataclasses import dataclass

from testbed.engine import Engine
from testbed.engine_metrics import parse_metrics, total

PREDICTIONS = "lengthwise_predictions_total"
FALLBACKS = "lengthwise_fallbacks_total"


@dataclass(frozen=True, slots=True)
class Ordered:
    """Requests that got a priority.

    Args:
        by_prediction: Those whose length was predicted.
        by_cause: The others, by why there was no prediction.
    """

    by_prediction: int
    by_cause: Mapping[str, int]

    @classmethod
    def read(cls, engine: Engine) -> "Ordered":
        """Since the engine's start."""
        samples = parse_metrics(engine.get("/metrics"))
        causes = {s.labels.get("cause", ""): int(s.value) for s in samples if s.name == FALLBACKS}
        return cls(int(total(samples, PREDICTIONS)), causes)

    @property
    def all(self) -> int:
        """Whether by a prediction or not."""
        return self.by_prediction + sum(self.by_cause.values())

    def since(self, before: "Ordered") -> "Ordered":
        """Those that came after an earlier reading; causes that did not come up are left out."""
        new = {cause: n - before.by_cause.get(cause, 0) for cause, n in self.by_cause.items()}
        predicted = self.by_prediction - before.by_prediction
        return Ordered(predicted, {cause: n for cause, n in new.items() if n})
