"""A day of traffic out of a real history: prompts by the hour, longer answers from one on."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True)
class Day:
    """What happens.

    Args:
        indexed: Rows that the first version is built from.
        hours: Rows that come in each hour, with the lengths that they would have had.
        changes_at: The first hour whose answers are longer.
        factor: How much longer.
    """

    indexed: Sequence[HistoryRecord]
    hours: Sequence[Sequence[HistoryRecord]]
    changes_at: int
    factor: float

    @classmethod
    def of(
        cls,
        history: Sequence[HistoryRecord],
        *,
        indexed: int,
        hours: int,
        per_hour: int,
        factor: float,
        seed: int,
    ) -> "Day":
        """Draw a day; no prompt comes twice.

        Raises:
            ValueError: The history has too few prompts.
        """
        different = list({record.prompt: record for record in history}.values())
        needed = indexed + hours * per_hour
        if len(different) < needed:
            raise ValueError(
                f"the history has {len(different):,} different prompts: {needed:,} are needed"
            )
        drawn = random.Random(seed).sample(different, needed)
        named = [replace(record, id=f"row-{i}", samples=()) for i, record in enumerate(drawn)]
        rest = named[indexed:]
        by_hour = [rest[h * per_hour : (h + 1) * per_hour] for h in range(hours)]
        return cls(named[:indexed], by_hour, hours // 2, factor)

    def factor_in(self, hour: int) -> float:
        """How much longer answers are in an hour."""
        return self.factor if hour >= self.changes_at else 1.0

    def answered(self, hour: int) -> list[HistoryRecord]:
        """An hour's rows with the lengths that they have."""
        factor = self.factor_in(hour)
        return [replace(r, output_tokens=round(factor * r.output_tokens)) for r in self.hours[hour]]
