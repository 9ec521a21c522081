"""The predictions that were made, until the true lengths come."""

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord

CAPACITY = 65_536
"""Predictions between being made and their report; some 300 bytes each."""

MAX_AGE_S = 3_600.0
"""Past it a report is taken to belong to another request with the same prompt."""


@dataclass(slots=True)
class OutstandingPrediction:
    """What was predicted of a prompt, and is to be scored when its length is known.

    Args:
        version: Of the index that answered.
        levels: Of the quantiles, ascending, from 0 to 1.
        tokens: The predicted length at each level.
        given_s: When it was given to a request last, on the monotonic clock.
        times: To how many requests it was given whose lengths are not reported yet.
    """

    version: str
    levels: Sequence[float]
    tokens: Sequence[float]
    given_s: float
    times: int = 1


class OutstandingPredictions:
    """Remembers predictions by what was asked: prompt, LLM and limit, as the report names them.

    Ids would serve fewer: most callers give none when they ask, and another one when they report.
    Of a prompt that was asked about several times at once the last prediction is kept, and as many
    reports are set against it as requests got it. Used by the event loop alone.

    Args:
        capacity: Prompts remembered, the oldest the first to go.
        max_age_s: Seconds after which a prediction is forgotten.
        clock: Gives the time in seconds; monotonic.
    """

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._max_age_s = max_age_s
        self._clock = clock
        # Texts stay out: a hash that Python has computed for the cache already stands for them.
        self._predictions: OrderedDict[int, OutstandingPrediction] = OrderedDict()

    def __len__(self) -> int:
        return len(self._predictions)

    def computed(
        self, query: Query, version: str, levels: Sequence[float], tokens: Sequence[float]
    ) -> None:
        """Remember a prediction that was computed just now.

        Args:
            query: The prompt, the LLM and the limit that were asked about.
            version: Of the index that answered.
            levels: Of the quantiles, ascending, from 0 to 1.
            tokens: The predicted length at each level.
        """
        key = hash((query.prompt, query.model, query.max_tokens))
        before = self._predictions.pop(key, None)
        times = 1 if before is None else before.times + 1
        now_s = self._clock()
        self._predictions[key] = OutstandingPrediction(
            version, levels, array("f", tokens), now_s, times
        )
        oldest = next(iter(self._predictions.values()))
        if len(self._predictions) > self._capacity or self._is_old(oldest):
            self._predictions.popitem(last=False)

    def repeated(self, query: Query) -> bool:
        """Note that a prediction was given once more, from the cache.

        Returns:
            False if it is not remembered any longer: it is to be told anew, by `computed`.
        """
        known = self._predictions.get(hash((query.prompt, query.model, query.max_tokens)))
        if known is None:
            return False
        known.times += 1
        known.given_s = self._clock()
        return True

    def take(self, record: HistoryRecord) -> OutstandingPrediction | None:
        """The prediction that a completed request was given; None if none is remembered."""
        key = hash((record.prompt, record.model, record.max_tokens))
        known = self._predictions.get(key)
        if known is None:
            return None
        known.times -= 1
        if not known.times:
            del self._predictions[key]
        return None if self._is_old(known) else known

    def _is_old(self, prediction: OutstandingPrediction) -> bool:
        return self._clock() - prediction.given_s > self._max_age_s
