"""The tables of the drift benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.drift.arms import Score
from benchmarks.drift.day import FROZEN, LIVE, LOOP, UNCHANGED, Hour
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.table import Column, Row, Table
from index_builder.rebuild.outcome import RoundOutcome

ARMS = (FROZEN, LOOP, LIVE, UNCHANGED)
MEASURES = {"tau": "{:.3f}", "mae": "{:.1f}", "coverage": "{:.1%}"}


@dataclass(frozen=True, slots=True)
class Recovery:
    """The hours after the change, before and after the first rebuild that saw it.

    Args:
        before: By arm, over the hours from the change to that rebuild.
        after: By arm, over the hours from that rebuild to the next.
        since: By arm, over all hours after that rebuild.
    """

    before: dict[str, Score]
    after: dict[str, Score]
    since: dict[str, Score]

    @classmethod
    def from_hours(cls, hours: Sequence[Hour], changes_at: int) -> "Recovery":
        """Of a day; the rebuild is the first after the change, published or not."""
        ends = [h.number for h in hours if h.rebuilt is not None and h.number >= changes_at]
        rebuilt = ends[0] + 1
        following = ends[1] + 1 if len(ends) > 1 else len(hours)
        return cls(
            _means(hours[changes_at:rebuilt]),
            _means(hours[rebuilt:following]),
            _means(hours[rebuilt:]),
        )

    def to_dict(self) -> dict[str, Any]:
        """The verdict, as JSON: each arm against what it would be had nothing changed."""
        loop, wanted = self.after[LIVE], self.after[UNCHANGED]
        return {
            "tau_of_unchanged": loop.tau / wanted.tau,
            "mae_of_unchanged": loop.mae / wanted.mae,
            "coverage_90": loop.coverage,
            "coverage_90_unchanged": wanted.coverage,
            "frozen_tau_of_unchanged": self.after[FROZEN].tau / wanted.tau,
            "frozen_mae_of_unchanged": self.after[FROZEN].mae / wanted.mae,
            "frozen_coverage_90": self.after[FROZEN].coverage,
            "recovered_in_one_rebuild": all(aim.met for aim in self.aims()),
        }

    def aims(self) -> list[Aim]:
        """What the service, which rebuilds and learns live, is to reach after one rebuild."""
        loop, wanted = self.after[LIVE], self.after[UNCHANGED]
        return [
            Aim("tau-b, of that had nothing changed", loop.tau / wanted.tau, at_least=0.95),
            Aim("MAE, of that had nothing changed", loop.mae / wanted.mae, at_most=1.1),
            Aim(
                "coverage of the 90 % interval, less that had nothing changed",
                loop.coverage - wanted.coverage,
                at_least=-0.02,
                form="{:+.1%}",
            ),
        ]


def drift_report(command: str, hours: Sequence[Hour], recovery: Recovery) -> Report:
    """What was found."""
    tables = [
        _parts_table(recovery),
        _hours_table(hours),
        _rebuilds_table(hours),
        aims_table(recovery.aims()),
    ]
    notes = [
        "Frozen: the first version all day. Rebuilt: the current version. Rebuilt + live rows: "
        "that and the rows reported since, as the service has them. Nothing changed: the frozen "
        "version "
        "against the lengths that the answers would have had, its error times the factor.",
        "The aims hold for the hours from the first rebuild after the change to the next.",
    ]
    return Report("drift", command, tables, notes)


def _means(hours: Sequence[Hour]) -> dict[str, Score]:
    def mean(arm: str, measure: str) -> float:
        return float(np.mean([getattr(hour.scores[arm], measure) for hour in hours]))

    return {arm: Score(*(mean(arm, measure) for measure in MEASURES)) for arm in ARMS}


def _parts_table(recovery: Recovery) -> Table:
    parts = {
        "change to first rebuild": recovery.before,
        "first rebuild to second": recovery.after,
        "first rebuild to the end": recovery.since,
    }
    rows: list[Row] = [
        {"part": part, "arm": arm, "tau": s.tau, "mae": s.mae, "coverage": s.coverage}
        for part, scores in parts.items()
        for arm, s in scores.items()
    ]
    columns = [
        Column("part", "hours"),
        Column("arm", "served"),
        Column("tau", "tau-b", "{:.3f}"),
        Column("mae", "MAE, tokens", "{:.1f}"),
        Column("coverage", "coverage of 90 %", "{:.1%}"),
    ]
    return Table("parts", "After the answers got longer", columns, rows)


def _hours_table(hours: Sequence[Hour]) -> Table:
    titles = {FROZEN: "frozen", LOOP: "rebuilt", LIVE: "+ live"}
    heads = {"tau": "tau", "mae": "MAE", "coverage": "cov"}
    columns = [Column("hour", "hour"), Column("factor", "x", "{:g}")]
    columns += [
        Column(f"{measure} {arm}", f"{heads[measure]} {title}", form)
        for measure, form in MEASURES.items()
        for arm, title in titles.items()
    ]
    rows: list[Row] = [
        {"hour": f"{h.number}{'*' if h.rebuilt else ''}", "factor": h.factor}
        | {f"{m} {arm}": getattr(h.scores[arm], m) for m in MEASURES for arm in ARMS}
        for h in hours
    ]
    return Table(
        "hours",
        "Hour by hour",
        columns,
        rows,
        ["x: how much longer answers are. *: a rebuild at the end of that hour."],
    )


def _rebuilds_table(hours: Sequence[Hour]) -> Table:
    rows = [_rebuild_row(hour.number, hour.rebuilt) for hour in hours if hour.rebuilt is not None]
    columns = [
        Column("hour", "after hour"),
        Column("ending", "ending"),
        Column("new", "new rows", "{:,}"),
        Column("rows", "rows", "{:,}"),
        Column("live", "MAE, live version", "{:.1f}"),
        Column("candidate", "MAE, candidate", "{:.1f}"),
        Column("seconds", "s", "{:.1f}"),
    ]
    return Table(
        "rebuilds",
        "Rebuilds",
        columns,
        rows,
        ["The two errors are those on the newest rows, by which the job decides to publish."],
    )


def _rebuild_row(hour: int, outcome: RoundOutcome) -> Row:
    compared = outcome.comparison
    return {
        "hour": str(hour),
        "ending": str(outcome.ending),
        "new": outcome.new_rows,
        "rows": outcome.rows or None,
        "live": compared and compared.live.mae_tokens,
        "candidate": compared and compared.candidate.mae_tokens,
        "seconds": outcome.seconds,
    }
