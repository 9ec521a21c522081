"""What each caller may send."""

import asyncio
import math
import time
from collections.abc import Callable

from predictor_service.config import ServiceConfig
from predictor_service.errors import TooFastError
from predictor_service.limits.caller_rates import CallerRates


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
