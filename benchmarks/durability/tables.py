"""The tables of the durability benchmark."""

import argparse
from collections.abc import Sequence

from benchmarks.durability.kills import KillRun
from benchmarks.durability.rate import Rate
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.table import Column, Table

AIM_PER_S = 20_000
"""Completions per second that are to be acknowledged at least."""


def durability_report(
    options: argparse.Namespace, killed: KillRun | None, rates: Sequence[Rate]
) -> Report:
    """What was found."""
    best = max(rate.per_s for rate in rates)
    aims: list[Aim] = []
    if not options.database.startswith("postgres"):
        aims.append(
            Aim("completions acknowledged per second", best, at_least=AIM_PER_S, form="{:,.0f}")
        )
    tables: list[Table] = []
    if killed is not None:
        tables.append(_kill_table(killed))
        aims += [
            Aim("acknowledged completions lost", killed.verdict.lost, at_most=0, form="{:,.0f}"),
            Aim("completions duplicated", killed.verdict.duplicated, at_most=0, form="{:,.0f}"),
        ]
    tables += [_rate_table(rates), aims_table(aims)]
    notes = [
        "The real service with a small index, killed with SIGKILL and started again at once; four "
        "clients report 1 to 200 completions at a time and repeat what is not acknowledged.",
        "SIGKILL ends the process and not the machine: what the operating system has, survives it. "
        "That commits are synced to disk is a matter of settings, which the tests check.",
        "Altered: stored otherwise than reported. Unseen: not seen exactly once by a reader who "
        "read along. Repeated: stored before a kill, acknowledged only when reported again.",
        "Rates: messages are made before the clock starts; client, service and database share the "
        "cores.",
    ]
    return Report("durability", options.command, tables, notes)


def _kill_table(killed: KillRun) -> Table:
    verdict, receipts = killed.verdict, killed.receipts
    row = {
        "kills": killed.kills,
        "acknowledged": verdict.acknowledged,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "altered": verdict.altered,
        "missed_by_reader": verdict.missed_by_reader,
        "failed_calls": receipts.failed_calls,
        "repeated": receipts.duplicates,
        "wall_s": killed.wall_s,
    }
    columns = [
        Column("kills", "kills"),
        Column("acknowledged", "acknowledged", "{:,}"),
        Column("lost", "lost"),
        Column("duplicated", "duplicated"),
        Column("altered", "altered"),
        Column("missed_by_reader", "unseen"),
        Column("failed_calls", "failed calls", "{:,}"),
        Column("repeated", "repeated", "{:,}"),
        Column("wall_s", "s", "{:.0f}"),
    ]
    return Table("kills", "Killed while clients report", columns, [row])


def _rate_table(rates: Sequence[Rate]) -> Table:
    rows = [
        {
            "per_message": rate.per_message,
            "callers": rate.callers,
            "completions": rate.completions,
            "per_s": rate.per_s,
            "service_us": 1e6 * rate.service_cpu_s / rate.completions,
            "asker_us": 1e6 * rate.asker_cpu_s / rate.completions,
        }
        for rate in rates
    ]
    columns = [
        Column("per_message", "per report", "{:,}"),
        Column("callers", "in flight"),
        Column("completions", "completions", "{:,}"),
        Column("per_s", "acknowledged/s", "{:,.0f}"),
        Column("service_us", "service CPU, µs each", "{:.0f}"),
        Column("asker_us", "asker CPU, µs each", "{:.0f}"),
    ]
    return Table("rates", "Acknowledged as durable", columns, rows)
