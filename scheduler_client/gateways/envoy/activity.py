"""What the processor did of late, in one line of its log."""

import asyncio
import logging
from collections import Counter
from typing import Literal

from scheduler_client.advisor.asker import FallbackCause
from scheduler_client.gateways.ending import EndingKind

LOGGER = logging.getLogger("lengthwise.envoy")
"""Where this process says what goes on."""

INTERVAL_S = 60.0
"""A line a minute is read by people, and kept by whatever gathers logs."""

Placed = FallbackCause | Literal["predicted", "untouched"]
"""What a place rests on; "untouched" where the caller had set a priority in the body."""


class Activity:
    """Counts what happened since it was last said."""

    def __init__(self) -> None:
        self._placed: Counter[Placed] = Counter()
        self._ended: Counter[EndingKind] = Counter()

    def placed(self, by: Placed) -> None:
        """A call has its place."""
        self._placed[by] += 1

    def ended(self, kind: EndingKind) -> None:
        """A call has ended."""
        self._ended[kind] += 1

    def take_line(self) -> str:
        """What happened since the last call of this; "" if nothing did."""
        line = f"calls placed: {_told(self._placed)}; ended: {_told(self._ended)}"
        happened = bool(self._placed or self._ended)
        self._placed.clear()
        self._ended.clear()
        return line if happened else ""

    def say(self) -> None:
        """Log that, if anything did."""
        if line := self.take_line():
            LOGGER.info("%s", line)


async def say_activity(activity: Activity) -> None:
    """Log it again and again, until cancelled."""
    while True:
        await asyncio.sleep(INTERVAL_S)
        activity.say()


def _told(counts: Counter[Placed] | Counter[EndingKind]) -> str:
    named = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return f"{counts.total():,}" + (f" ({named})" if named else "")
