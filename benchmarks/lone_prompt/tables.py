"""What the rounds of lone prompts beside bulk gave."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread, percentile, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.lone_prompt.callers import BULK_PROMPTS, PAUSE_S, Answered

NOW, BASELINE = "now", "baseline"

AIM_OF_ALONE = 3.0
"""A lone prompt's p99 beside bulk, in its p50 alone."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One service, asked in each way.

    Args:
        alone: Lone prompts with nobody beside them.
        bulk_alone: Bulk with nobody beside it, by the number of its callers.
        beside: Lone prompts and the bulk beside them, by the number of bulk callers.
    """

    alone: Answered
    bulk_alone: dict[int, Answered]
    beside: dict[int, tuple[Answered, Answered]]

    def alone_ms(self) -> float:
        """A lone prompt's median time alone."""
        return percentile(self.alone.latencies_ms, 0.5)

    def beside_ms(self, callers: int, share: float) -> float:
        """The time beside bulk that a share of lone prompts stay at or under."""
        return percentile(self.beside[callers][0].latencies_ms, share)

    def of_alone(self, callers: int) -> float:
        """A lone prompt's p99 beside bulk, in its p50 alone."""
        return self.beside_ms(callers, 0.99) / self.alone_ms()

    def bulk_kept(self, callers: int) -> float:
        """Share of its rate that bulk keeps while lone prompts are asked."""
        alone, beside = self.bulk_alone[callers], self.beside[callers][1]
        return beside.predictions_per_s / alone.predictions_per_s


@dataclass(frozen=True, slots=True)
class Round:
    """The services in turns, each with so many threads."""

    threads: int
    passes: dict[str, Pass]


def lone_report(command: str, rounds: Sequence[Round]) -> Report:
    """A row for each number of threads and of bulk callers, and each service."""
    keys = [
        (threads, callers, name)
        for threads in dict.fromkeys(found.threads for found in rounds)
        for callers in rounds[0].passes[NOW].beside
        for name in rounds[0].passes
    ]
    rows = [_row(rounds, *key) for key in keys]
    columns = [
        Column("threads", "threads"),
        Column("callers", "bulk callers"),
        Column("service", "service"),
        Column("alone_ms", "p50 alone, ms", "{:.1f}"),
        Column("p50_ms", "p50 beside, ms", "{:.1f}"),
        Column("p99_ms", "p99 beside, ms", "{:.1f}", with_range=True),
        Column("of_alone", "p99 of p50 alone", "{:.1f}", with_range=True),
        Column("bulk_alone", "bulk alone, /s", "{:.0f}"),
        Column("bulk_kept", "bulk kept", "{:.0%}", with_range=True),
    ]
    tables = [Table("lone_prompt", "A lone prompt beside bulk", columns, rows)]
    if BASELINE in rounds[0].passes:
        tables.append(_ratios(rounds))
    aims = [
        Aim(
            f"p99 beside {row['callers']} bulk callers, {row['threads']} threads, of p50 alone",
            row["of_alone"],
            at_most=AIM_OF_ALONE,
            form="{:.1f}",
        )
        for row in rows
        if row["service"] == NOW
    ]
    notes = [
        f"The lone caller pauses {1_000 * PAUSE_S:.0f} ms after each answer; bulk callers ask "
        f"{BULK_PROMPTS} held-out prompts at a time without a pause. The service's cache is off, "
        "and callers share its cores.",
        f"{sum(found.threads == rounds[0].threads for found in rounds)} rounds, the services in "
        "turns; median, and the range over the rounds.",
    ]
    return Report("lone_prompt", command, [*tables, aims_table(aims)], notes)


def _row(rounds: Sequence[Round], threads: int, callers: int, name: str) -> Row:
    passes = [found.passes[name] for found in rounds if found.threads == threads]
    return {
        "threads": threads,
        "callers": callers,
        "service": name,
        "alone_ms": Spread.from_values([one.alone_ms() for one in passes]),
        "p50_ms": Spread.from_values([one.beside_ms(callers, 0.5) for one in passes]),
        "p99_ms": Spread.from_values([one.beside_ms(callers, 0.99) for one in passes]),
        "of_alone": Spread.from_values([one.of_alone(callers) for one in passes]),
        "bulk_alone": Spread.from_values(
            [one.bulk_alone[callers].predictions_per_s for one in passes]
        ),
        "bulk_kept": Spread.from_values([one.bulk_kept(callers) for one in passes]),
    }


def _ratios(rounds: Sequence[Round]) -> Table:
    """This service over the baseline's, round by round."""
    rows: list[Row] = []
    for threads in dict.fromkeys(found.threads for found in rounds):
        pairs = [found.passes for found in rounds if found.threads == threads]
        now, before = [p[NOW] for p in pairs], [p[BASELINE] for p in pairs]
        rows += [
            {
                "threads": threads,
                "callers": callers,
                "p99": ratio_spread(
                    [one.beside_ms(callers, 0.99) for one in before],
                    [one.beside_ms(callers, 0.99) for one in now],
                ),
                "alone": ratio_spread(
                    [one.alone_ms() for one in now], [one.alone_ms() for one in before]
                ),
                "bulk": ratio_spread(
                    [one.bulk_alone[callers].predictions_per_s for one in now],
                    [one.bulk_alone[callers].predictions_per_s for one in before],
                ),
            }
            for callers in now[0].beside
        ]
    columns = [
        Column("threads", "threads"),
        Column("callers", "bulk callers"),
        Column("p99", "p99 beside bulk, baseline over now", "{:.1f}", with_range=True),
        Column("alone", "p50 alone, now over baseline", "{:.2f}", with_range=True),
        Column("bulk", "bulk alone, now over baseline", "{:.2f}", with_range=True),
    ]
    return Table("baseline", "This service over the baseline", columns, rows)
