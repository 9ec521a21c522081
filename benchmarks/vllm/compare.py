"""Policies side by side: seed by seed against FCFS, with confidence intervals over the seeds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.stats import t as student

from benchmarks.vllm.rows import JctRow

BASE = "fcfs"
ORACLE = "oracle-sjf"
"""Whose gain the others' is a share of."""

QUEUE_SHARE = 0.1
"""Under this share of the completion time spent waiting, under FCFS, no queue forms."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and half the width of its 95 % confidence interval (Student's t).

    Args:
        mean: Of the seeds' values.
        half_width: None with one seed.
    """

    mean: float
    half_width: float | None

    @classmethod
    def from_values(cls, values: Sequence[float]) -> "Interval":
        """Of at least one value."""
        n = len(values)
        mean = math.fsum(values) / n
        if n < 2:
            return cls(mean, None)
        variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
        return cls(mean, float(student.ppf(0.975, n - 1)) * math.sqrt(variance / n))

    def text(self, form: str) -> str:
        """For a table: "-36 ± 2"."""
        shown = form.format(self.mean)
        if self.half_width is None:
            return shown
        return f"{shown} ± {form.format(self.half_width).lstrip('+')}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A policy at one number of slots and one load.

    Args:
        rows: Its runs, one per seed.
        base: FCFS's with the same seeds.
        oracle: The runs of who knows the lengths; empty if there are none.
    """

    rows: Sequence[JctRow]
    base: Sequence[JctRow]
    oracle: Sequence[JctRow]

    @property
    def policy(self) -> str:
        """Its name."""
        return self.rows[0].policy

    @property
    def queues(self) -> bool:
        """True if requests wait for a slot under FCFS."""
        waited = math.fsum(row.mean_ttft_s for row in self.base)
        return waited > QUEUE_SHARE * math.fsum(row.mean_jct_s for row in self.base)

    def change(self, of: Callable[[JctRow], float]) -> Interval:
        """Relative change against FCFS, seed by seed."""
        pairs = zip(self.rows, self.base, strict=True)
        return Interval.from_values([of(row) / of(base) - 1 for row, base in pairs])

    def share_of_oracle(self) -> Interval | None:
        """Gain in mean completion time over the oracle's; None without an oracle or a queue."""
        if not self.oracle or not self.queues:
            return None
        triples = list(zip(self.rows, self.base, self.oracle, strict=True))
        if any(base.mean_jct_s <= oracle.mean_jct_s for _, base, oracle in triples):
            return None
        return Interval.from_values(
            [(b.mean_jct_s - r.mean_jct_s) / (b.mean_jct_s - o.mean_jct_s) for r, b, o in triples]
        )


def compared(rows: Sequence[JctRow]) -> list[Compared]:
    """Every policy at every number of slots and load where FCFS ran with the same seeds."""
    places = dict.fromkeys((row.slots, row.load) for row in rows)
    found: list[Compared] = []
    for place in places:
        here = [row for row in rows if (row.slots, row.load) == place]
        for policy in dict.fromkeys(row.policy for row in here):
            mine = {row.seed: row for row in here if row.policy == policy}
            base = _aligned(here, BASE, mine)
            oracle = _aligned(here, ORACLE, mine)
            if len(base) == len(mine):
                complete = oracle if len(oracle) == len(mine) else []
                found.append(Compared(list(mine.values()), base, complete))
    return found


def _aligned(rows: Sequence[JctRow], policy: str, seeds: dict[int, JctRow]) -> list[JctRow]:
    by_seed = {row.seed: row for row in rows if row.policy == policy}
    return [by_seed[seed] for seed in seeds if seed in by_seed]
