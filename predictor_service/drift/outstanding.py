"""The predictions that were given, until the true lengths come."""

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.v1 import length_predictor_pb2 as pb

CAPACITY = 65_536
"""Predictions between being given and their report; some 300 bytes each."""

MAX_AGE_S = 3_600.0
"""Past it a report is taken to belong to another request with the same prompt."""


@dataclass(slots=True)
class Given:
    """What was predicted of a prompt.

    Args:
        version: Of the index that answered.
        levels: Ascending.
        tokens: The quantile at each level.
        given_s: When it was given last, on the monotonic clock.
        times: To how many requests it was given that have not been judged.
    """

    version: str
    levels: Sequence[float]
    tokens: Sequence[float]
    given_s: float
    times: int = 1


class GivenPredictions:
    """Remembers predictions by what was asked: prompt, LLM and limit, as the report names them.

    Ids would serve fewer: most callers give none when they ask, and another one when they report.
    Of a prompt that was asked about several times at once the last prediction is kept, and as many
    reports are set against it as requests got it. Used by the event loop alone.

    Args:
        capacity: Prompts remembered, the oldest the first to go.
        max_age_s: How long, in seconds.
        clock: Seconds, monotonic.
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
        self._given: OrderedDict[int, Given] = OrderedDict()

    def __len__(self) -> int:
        return len(self._given)

    def computed(
        self, query: Query, version: str, levels: Sequence[float], tokens: Sequence[float]
    ) -> None:
        """Remember a prediction that was computed just now."""
        key = hash((query.prompt, query.model, query.max_tokens))
        before = self._given.pop(key, None)
        times = 1 if before is None else before.times + 1
        now_s = self._clock()
        self._given[key] = Given(version, levels, array("f", tokens), now_s, times)
        if len(self._given) > self._capacity or self._is_old(next(iter(self._given.values()))):
            self._given.popitem(last=False)

    def repeated(self, query: Query, body: bytes) -> None:
        """Remember a prediction that came from the cache.

        Args:
            query: What was asked.
            body: The cached answer.
        """
        known = self._given.get(hash((query.prompt, query.model, query.max_tokens)))
        if known is not None:
            known.times += 1
            known.given_s = self._clock()
            return
        answer = pb.PredictResponse.FromString(body)
        distribution = answer.distribution
        self.computed(query, answer.index_version, distribution.levels, distribution.tokens)

    def take(self, record: HistoryRecord) -> Given | None:
        """The prediction that a completed request was given; None if none is remembered."""
        key = hash((record.prompt, record.model, record.max_tokens))
        known = self._given.get(key)
        if known is None:
            return None
        known.times -= 1
        if not known.times:
            del self._given[key]
        return None if self._is_old(known) else known

    def _is_old(self, given: Given) -> bool:
        return self._clock() - given.given_s > self._max_age_s
