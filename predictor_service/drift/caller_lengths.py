"""Who reports which lengths of one LLM: to name, in an alarm, whose are unlike the others'."""

import math
from dataclasses import dataclass

MAX_CALLERS = 64
"""Callers told apart; those that come later count together."""

OTHERS = "other callers"
"""Name of those."""

MIN_ROWS = 20
"""Fewer lengths of a caller, or of all others, say nothing."""

ROUNDING = 1 - 1e-9
"""What equal distances may differ by, computed from sums."""

MIN_RATIO = 2.0
"""Lengths that are so many times as long, or as short, as the others' are worth a word."""


@dataclass(slots=True)
class _Sum:
    rows: int = 0
    logs: float = 0.0

    @property
    def tokens(self) -> float:
        """Geometric mean, in tokens."""
        return math.expm1(self.logs / self.rows)


class CallerLengths:
    """Sums of the lengths that each caller reported, whether their prediction is known or not."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}
        self._all = _Sum()

    def add(self, caller: str, tokens: int) -> None:
        """Take one more length."""
        known = caller in self._sums or len(self._sums) < MAX_CALLERS
        one = self._sums.setdefault(caller if known else OTHERS, _Sum())
        for total in (one, self._all):
            total.rows += 1
            total.logs += math.log1p(tokens)

    def unlike(self) -> str:
        """Whose lengths are farthest from those of all others, for people; "" if nobody's are.

        Of two callers alone each is as far from the other: then it is the one that came later.
        """
        farthest, said = math.log(MIN_RATIO), ""
        for caller, one in self._sums.items():
            others = _Sum(self._all.rows - one.rows, self._all.logs - one.logs)
            if min(one.rows, others.rows) < MIN_ROWS:
                continue
            distance = abs(one.logs / one.rows - others.logs / others.rows)
            if distance >= farthest * ROUNDING:
                farthest = distance
                said = (
                    f"{caller or 'an unknown caller'} reports {one.tokens:.0f} tokens on average "
                    f"({one.rows:,} rows), the others {others.tokens:.0f} ({others.rows:,})"
                )
        return said
