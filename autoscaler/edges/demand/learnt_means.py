"""Mean answers by LLM and by job, learnt from those that ended."""

from collections import OrderedDict

LEAST_ENDED = 10
"""Answers from which on their mean counts: with fewer, one long answer could make it anything."""

ENDED_WEIGHT = 0.01
"""Of the newest answer in a mean of many: a mean follows the last few hundred answers."""

MOST_KEPT = 10_000
"""Jobs and LLMs whose means are kept; the ones that nothing has ended of for longest go first."""

_Key = tuple[str, str | None]


class LearntMeans:
    """Running means that follow slow changes; bounded, since names come from outside."""

    def __init__(self) -> None:
        self._means: OrderedDict[_Key, tuple[int, float]] = OrderedDict()

    def learn(self, llm: str, job: str, output_tokens: float) -> None:
        """A whole answer ended: it counts for its LLM, and for its job if it has one."""
        for key in ((llm, None), (llm, job)) if job else ((llm, None),):
            count, mean = self._means.pop(key, (0, 0.0))
            weight = max(ENDED_WEIGHT, 1 / (count + 1))
            self._means[key] = (count + 1, mean + weight * (output_tokens - mean))
        while len(self._means) > MOST_KEPT:
            self._means.popitem(last=False)

    def of_job(self, llm: str, job: str) -> float | None:
        """Mean answer of a job, in tokens; None while too few of it have ended."""
        return self._known((llm, job)) if job else None

    def of_llm(self, llm: str) -> float | None:
        """Mean answer of an LLM, in tokens; None while too few of it have ended."""
        return self._known((llm, None))

    def _known(self, key: _Key) -> float | None:
        count, mean = self._means.get(key, (0, 0.0))
        return mean if count >= LEAST_ENDED else None
