"""What the hostile benchmark finds, and its tables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import percentile
from benchmarks.harness.table import Column, Table
from benchmarks.hostile.attacks import FUZZED, RANDOM, SHARES, AttackCounts
from benchmarks.hostile.service import FAULTS, Attacked


@dataclass(slots=True)
class Phase:
    """What one of the two services went through.

    Args:
        name: What the tables call the service.
        counts: What became of each attack's messages, by the attack's name.
        codes: Calls that the service counted, by the name of their gRPC status.
        before_mib: Memory before the first attack.
        peak_mib: The most memory that it held at any time.
        after_mib: Memory after the last attack; 0 if it did not survive.
        crashes: Times that the service ended.
    """

    name: str
    counts: dict[str, AttackCounts] = field(default_factory=dict[str, AttackCounts])
    codes: dict[str, int] = field(default_factory=dict[str, int])
    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0
    crashes: int = 0

    @property
    def faults(self) -> int:
        """Calls that were answered with a fault of the service."""
        return sum(self.codes.get(code, 0) for code in FAULTS)

    def close(self, service: Attacked) -> None:
        """Note how the service is at the end."""
        self.crashes += not service.alive
        if service.alive:
            self.codes = service.codes()
            self.after_mib = service.rss_mib
        self.peak_mib = max(service.peak_mib, self.after_mib)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What coverage-guided fuzzing found.

    Args:
        folder: Of the inputs; None where there was no fuzzing.
        inputs: How many reached something new.
        crashed: Whether one raised what no caller may cause.
    """

    folder: Path | None = None
    inputs: int = 0
    crashed: bool = False


@dataclass(slots=True)
class HostileFindings:
    """Everything that was found.

    Args:
        phases: The service without rates, and that with.
        fuzzed: What fuzzing found before anything was sent.
        alone_ms: What another caller's predictions took, in between the attacks.
        beside_ms: What they took while an attack was under way.
        failed: What it was told in place of predictions.
    """

    phases: list[Phase]
    fuzzed: Fuzzed
    alone_ms: list[float] = field(default_factory=list[float])
    beside_ms: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])

    @property
    def shares(self) -> dict[str, float]:
        """Of each attack; random bytes take the place of what was not fuzzed for."""
        shares = dict(SHARES)
        if not self.fuzzed.inputs:
            shares[RANDOM] += shares.pop(FUZZED)
        return shares


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
