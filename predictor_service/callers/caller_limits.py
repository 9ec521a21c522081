"""What each caller may send, and how fast: rates with room for bursts."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from predictor_service.config import ServiceConfig
from predictor_service.errors import TooFastError


class TokenBucket:
    """Fills at a rate up to a capacity.

    Args:
        rate_per_s: Tokens that come per second.
        capacity: Tokens it holds, and holds at first.
        now_s: The present.
    """

    __slots__ = ("_capacity", "_rate_per_s", "_then_s", "_tokens")

    def __init__(self, *, rate_per_s: float, capacity: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = capacity
        self._tokens = capacity
        self._then_s = now_s

    def take(self, now_s: float, cost: int = 1) -> float:
        """Take tokens, if there is one; more than there are leave a debt, which comes in first.

        Returns:
            0 if they were taken; else the seconds until they can be, and nothing is taken.
        """
        elapsed_s = max(0.0, now_s - self._then_s)
        self._then_s = now_s
        self._tokens = min(self._capacity, self._tokens + elapsed_s * self._rate_per_s)
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate_per_s
        self._tokens -= cost
        return 0.0


MAX_CALLERS = 10_000
"""Beyond them the one that was silent longest is forgotten, and starts with a full bucket."""


class CallerRates:
    """A bucket for each caller. Used by the event loop alone.

    Args:
        rate_per_s: Of one caller; None for any.
        capacity: What one caller may take at once.
    """

    def __init__(self, rate_per_s: float | None, capacity: float) -> None:
        self.rate_per_s = rate_per_s
        self._capacity = max(1.0, capacity)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, caller: str, cost: int, now_s: float) -> float:
        """Take from a caller's bucket; see `TokenBucket.take`."""
        if self.rate_per_s is None:
            return 0.0
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._new(caller, self.rate_per_s, now_s)
        else:
            self._buckets.move_to_end(caller)
        return bucket.take(now_s, cost)

    def _new(self, caller: str, rate_per_s: float, now_s: float) -> TokenBucket:
        bucket = TokenBucket(rate_per_s=rate_per_s, capacity=self._capacity, now_s=now_s)
        self._buckets[caller] = bucket
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return bucket


class CallerLimits:
    """Counts the messages of each caller, and the prompts or completions in them.

    Items are charged once their message is parsed, and more of them than a caller has left are let
    through once: what comes next waits until they are made up for.

    Args:
        messages_per_s: Of one caller; None for any number.
        burst: Messages that one caller may send at once.
        items_per_s: Prompts and completions of one caller; None for any number.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        messages_per_s: float | None = None,
        burst: int = 1,
        items_per_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._messages = CallerRates(messages_per_s, burst)
        self._items = CallerRates(items_per_s, items_per_s or 1)
        self._clock = clock
        self.limited = messages_per_s is not None or items_per_s is not None

    @classmethod
    def of_config(cls, config: ServiceConfig) -> "CallerLimits":
        """The limits that the configuration sets."""
        return cls(
            messages_per_s=config.max_messages_per_s,
            burst=config.max_message_burst,
            items_per_s=config.max_items_per_s,
        )

    def admit(self, caller: str) -> None:
        """Count a message.

        Raises:
            TooFastError: It is one too many.
        """
        self._take(self._messages, caller, 1, "messages")

    def charge(self, caller: str, items: int) -> None:
        """Count what is in a message.

        Raises:
            TooFastError: The caller has not made up for what was sent before.
        """
        self._take(self._items, caller, items, "prompts or completions")

    async def wait(self, caller: str, items: int) -> None:
        """Count a message of a stream, as soon as it may be sent: its sender is slowed down."""
        for rates, cost in ((self._messages, 1), (self._items, items)):
            wait_s = 1.0
            while wait_s > 0:
                wait_s = rates.take(caller, cost, self._clock())
                await asyncio.sleep(wait_s)

    def _take(self, rates: CallerRates, caller: str, cost: int, what: str) -> None:
        wait_s = rates.take(caller, cost, self._clock())
        if wait_s > 0:
            raise TooFastError(
                f"{caller} sends more than {rates.rate_per_s:g} {what} per second: retry in "
                f"{math.ceil(wait_s * 1_000)} ms",
                retry_after_s=wait_s,
            )
