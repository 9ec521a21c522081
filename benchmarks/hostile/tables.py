"""The tables of the hostile benchmark."""

from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import percentile
from benchmarks.harness.table import Column, Table
from benchmarks.hostile.found import HostileFindings, Phase

AIM_TIMES_SLOWER = 2.0
"""Another caller's p99 beside the hostile ones over its p99 alone."""

AIM_GROWTH_MIB = 512.0
"""The queue, the cache and the store of completions in memory, full."""


def summary(found: HostileFindings) -> dict[str, Any]:
    """The figures at a glance."""
    alone, beside = percentile(found.alone_ms, 0.99), percentile(found.beside_ms, 0.99)
    return {
        "messages": sum(t.sent for phase in found.phases for t in phase.counts.values()),
        "crashes": sum(phase.crashes for phase in found.phases) + found.fuzzed.crashed,
        "fuzzed_inputs": found.fuzzed.inputs,
        "faults": sum(phase.faults for phase in found.phases),
        "unanswered": sum(t.unanswered for phase in found.phases for t in phase.counts.values()),
        "rss_growth_mib": max(phase.peak_mib - phase.before_mib for phase in found.phases),
        "alone_p99_ms": alone,
        "beside_p99_ms": beside,
        "times_slower": beside / alone,
        "bystander_failed": len(found.failed),
    }


def hostile_report(command: str, found: HostileFindings) -> Report:
    """What was found."""
    figures = summary(found)
    aims = [
        Aim("crashes", figures["crashes"], at_most=0, form="{:.0f}"),
        Aim("calls answered INTERNAL or UNKNOWN", figures["faults"], at_most=0, form="{:.0f}"),
        Aim("memory grown, MiB", figures["rss_growth_mib"], at_most=AIM_GROWTH_MIB, form="{:.0f}"),
        Aim("another caller's p99, times", figures["times_slower"], at_most=AIM_TIMES_SLOWER),
        Aim("its failed calls", figures["bystander_failed"], at_most=0, form="{:.0f}"),
    ]
    tables = [_attacks(found), _services(found), _bystander(found), aims_table(aims)]
    notes = [
        "The real service with a small index. First without rates, so that most gets through to "
        "what may break; then with tokens and rates for each caller, beside another caller.",
        "The attacker is a process of the lowest priority on the same cores; half of its messages "
        "in the second part carry a good token. The other caller asks one prompt after another.",
        f"Fuzzing of what messages go through before they are queued found {found.fuzzed.inputs:,} "
        "inputs that each reached something new, which were sent too."
        if found.fuzzed.inputs
        else "Nothing was fuzzed for: atheris was not installed, or no time was given.",
        "The p99 beside and alone are of the same caller in the same run, in turns.",
    ]
    return Report("hostile", command, tables, notes)


def _attacks(found: HostileFindings) -> Table:
    rows = [
        {
            "attack": attack,
            "service": phase.name,
            "sent": counts.sent,
            "answered": counts.answered,
            "cut_off": counts.cut_off,
            "unanswered": counts.unanswered,
        }
        for phase in found.phases
        for attack, counts in phase.counts.items()
    ]
    columns = [
        Column("attack", "attack"),
        Column("service", "service"),
        Column("sent", "messages", "{:,}"),
        Column("answered", "calls ended", "{:,}"),
        Column("cut_off", "connections closed", "{:,}"),
        Column("unanswered", "left open", "{:,}"),
    ]
    return Table("attacks", "What was sent", columns, rows)


def _services(found: HostileFindings) -> Table:
    columns = [
        Column("service", "service"),
        Column("crashes", "crashes"),
        Column("faults", "faults"),
        Column("before_mib", "MiB before", "{:.0f}"),
        Column("peak_mib", "at most", "{:.0f}"),
        Column("after_mib", "after", "{:.0f}"),
        Column("codes", "calls by status"),
    ]
    return Table("services", "How the service took it", columns, [_row(p) for p in found.phases])


def _row(phase: Phase) -> dict[str, Any]:
    return {
        "service": phase.name,
        "crashes": phase.crashes,
        "faults": phase.faults,
        "before_mib": phase.before_mib,
        "peak_mib": phase.peak_mib,
        "after_mib": phase.after_mib,
        "codes": ", ".join(f"{code} {n:,}" for code, n in sorted(phase.codes.items())),
    }


def _bystander(found: HostileFindings) -> Table:
    rows = [
        {
            "when": when,
            "calls": len(took_ms),
            "p50_ms": percentile(took_ms, 0.5),
            "p95_ms": percentile(took_ms, 0.95),
            "p99_ms": percentile(took_ms, 0.99),
        }
        for when, took_ms in (("alone", found.alone_ms), ("beside the hostile", found.beside_ms))
    ]
    columns = [
        Column("when", "another caller"),
        Column("calls", "predictions", "{:,}"),
        Column("p50_ms", "p50, ms", "{:.1f}"),
        Column("p95_ms", "p95, ms", "{:.1f}"),
        Column("p99_ms", "p99, ms", "{:.1f}"),
    ]
    return Table("bystander", "What another caller notices", columns, rows)
