"""The tables of the benchmark of absurd lengths."""

from collections.abc import Sequence

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.table import Column, Row, Table

BEFORE, AFTER_LIVE = "clean", "live reports"
AFTER_BUILD, AFTER_REBUILD = "a build of 3 % of them", "a rebuild"
"""Rows of the table: what was said before, and what each way in made of it."""


def poisoning_report(command: str, rows: Sequence[Row], notes: Sequence[str]) -> Report:
    """What was found."""
    columns = [
        Column("way_in", "way in"),
        Column("reports", "absurd rows", "{:,}"),
        Column("taken", "taken in", "{:,}"),
        Column("mae", "MAE", "{:.1f}"),
        Column("expected", "mean of expected_tokens", "{:.1f}"),
        Column("p90", "median of p90", "{:.0f}"),
        Column("expected_doubled", "expected more than doubled", "{:.1%}"),
        Column("p90_doubled", "p90 more than doubled", "{:.1%}"),
    ]
    title = "What is said of others' prompts after one caller's absurd lengths"
    table = Table("poisoning", title, columns, list(rows))
    return Report("poisoning", command, [table, aims_table(_aims(rows))], notes)


def _aims(rows: Sequence[Row]) -> list[Aim]:
    of = {row["way_in"]: row for row in rows}
    live = of[AFTER_LIVE]["mae"] / of[BEFORE]["mae"]
    return [
        Aim("MAE after live reports, over before", live, at_most=1.05),
        Aim(
            "expected doubled by 3 % in a build",
            of[AFTER_BUILD]["expected_doubled"],
            at_most=0.05,
            form="{:.1%}",
        ),
        Aim(
            "p90 doubled by a rebuild",
            of[AFTER_REBUILD]["p90_doubled"],
            at_most=0.0,
            form="{:.1%}",
        ),
    ]
