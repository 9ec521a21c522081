"""What is kept, and what is to go: decided over the oldest rows, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

SECONDS_PER_DAY = 86_400.0
"""Operators give ages in days."""

FASTER_THAN_COMING = 24.0
"""Rows go so many times as fast as they come to their age, at most: what a day brought goes within
an hour. A clock that is set forward makes all rows too old at once, and must not empty the history
before somebody sees it."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the history is kept.

    Args:
        max_age_s: Rows older than this go; None keeps them however old.
        max_bytes: While the rows take more, the oldest go; None keeps them however many.
    """

    max_age_s: float | None = None
    max_bytes: int | None = None

    @property
    def limited(self) -> bool:
        """Whether anything ever goes."""
        return self.max_age_s is not None or self.max_bytes is not None

    def expired(
        self,
        oldest: Sequence["OldRow"],
        *,
        kept_bytes: int,
        now_unix_s: float,
        after_unix_s: float = inf,
        most_by_age: int | None = None,
    ) -> int:
        """How many of the oldest rows are to go.

        A row is as old as the oldest that was stored after it: where a clock was set forward for
        a while, what was stored meanwhile must not stay until that time comes, and all after it.

        Args:
            oldest: Some of them, oldest first.
            kept_bytes: Of all rows, these and the younger.
            now_unix_s: By which their age is told.
            after_unix_s: When the oldest was stored of the rows after these, as far as is known.
            most_by_age: How many may go for their age alone; None for any number.
        """
        times = [*(row.stored_unix_s for row in oldest), after_unix_s]
        stored = list(accumulate(reversed(times), min))[::-1]
        for gone, row in enumerate(oldest):
            too_old = self.max_age_s is not None and stored[gone] < now_unix_s - self.max_age_s
            too_much = self.max_bytes is not None and kept_bytes > self.max_bytes
            held = most_by_age is not None and gone >= most_by_age
            if not too_much and (not too_old or held):
                return gone
            kept_bytes -= row.row_bytes
        return len(oldest)

    def share_by_age(self, period_s: float) -> float:
        """Share of the rows that may go for their age at a time, from 0 to 1.

        Args:
            period_s: Seconds from one time to the next.
        """
        if not self.max_age_s:
            return 1.0
        return min(1.0, FASTER_THAN_COMING * period_s / self.max_age_s)


@dataclass(frozen=True, slots=True)
class OldRow:
    """What retention must know of a row."""

    sequence: int
    stored_unix_s: float
    row_bytes: int
