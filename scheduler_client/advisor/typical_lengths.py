"""How long an LLM's answers usually are: what a request without a prediction is taken for."""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from lengthwise.index_info import ModelInfo

START_TOKENS = 200.0
"""Between the means of chat (100 to 400 tokens) and of short tasks: until something is known."""

MEMORY = 256
"""Answers that the running mean looks back on, in all but name."""

SEED_ANSWERS = 16
"""Answers of this engine that weigh as much as what the predictor's history says."""

MAX_MODELS = 256
"""LLMs remembered, adapters too: requests name them, and there may be any number of names."""

_NORMAL_P90 = 1.2816
"""Standard deviations from the median of a normal distribution to its 90 % quantile."""


@dataclass(slots=True)
class _RunningMean:
    """The mean at first, then one that forgets."""

    tokens: float = 0.0
    answers: int = 0

    def add(self, tokens: float) -> None:
        self.answers = min(self.answers + 1, MEMORY)
        self.tokens += (tokens - self.tokens) / self.answers


class TypicalLengths:
    """The mean length of each LLM's latest answers. Not thread-safe.

    An LLM without any takes that of all LLMs. What a limit cut off counts as long as it was: that
    is how long it ran.

    Args:
        max_models: LLMs remembered; the one heard of least lately goes first.
    """

    def __init__(self, max_models: int = MAX_MODELS) -> None:
        self._max_models = max_models
        self._of_model: OrderedDict[str, _RunningMean] = OrderedDict()
        self._of_all = _RunningMean(START_TOKENS, 1)

    def of_models(self) -> dict[str, float]:
        """What to take an answer of each LLM for, in tokens."""
        return {model: mean.tokens for model, mean in self._of_model.items()}

    @property
    def of_all_tokens(self) -> float:
        """What to take an answer of an unknown LLM for, in tokens."""
        return self._of_all.tokens

    def add(self, model: str, output_tokens: int) -> None:
        """Learn from an answer."""
        self._of_all.add(output_tokens)
        self._entry(model).add(output_tokens)

    def seed(self, models: Iterable[ModelInfo]) -> None:
        """Begin with what the predictor's history says of LLMs that have not answered here yet."""
        known = [m for m in models if m.rows > 0 and math.isfinite(m.p90_tokens)]
        for info in known:
            if info.model not in self._of_model:
                entry = self._entry(info.model)
                entry.tokens, entry.answers = mean_tokens(info), min(info.rows, SEED_ANSWERS)
        rows = sum(m.rows for m in known)
        if rows and self._of_all.answers <= 1:
            self._of_all.tokens = sum(mean_tokens(m) * m.rows for m in known) / rows
            self._of_all.answers = min(rows, SEED_ANSWERS)

    def _entry(self, model: str) -> _RunningMean:
        entry = self._of_model.setdefault(model, _RunningMean())
        self._of_model.move_to_end(model)
        if len(self._of_model) > self._max_models:
            self._of_model.popitem(last=False)
        return entry


def mean_tokens(info: ModelInfo) -> float:
    """The mean length that a median and a 90 % quantile amount to, in tokens.

    Lengths are near lognormal: mean = median * exp(sigma^2 / 2). It is kept at or under the 90 %
    quantile, which the mean of a few very spread lengths would pass.
    """
    if info.median_tokens <= 0 or info.p90_tokens <= info.median_tokens:
        return max(info.median_tokens, 0.0)
    sigma = math.log(info.p90_tokens / info.median_tokens) / _NORMAL_P90
    return min(info.median_tokens * math.exp(sigma**2 / 2), info.p90_tokens)
