"""Tables and aims of the frontier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.aims import Aim
from benchmarks.frontier_policies import PREEMPTING
from benchmarks.frontier_workload import LMSYS, Scenario
from benchmarks.spread import Spread
from benchmarks.table import Column, Row, Table
from benchmarks.workloads import VICUNA
from lengthwise.scheduling import DEFAULT_RULE

QUEUE_FORMS = 0.1
"""The least that the oracle gains, as a share of the mean, for a queue to be worth ordering."""

BURST = 2.0
TITLES = {VICUNA: "Vicuna", LMSYS: "LMSYS"}
MEASURES = ("gain", "p99", "wait")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One policy in one scenario, beside first come first served on the same requests.

    Args:
        scenario: What was served.
        policy: By whom.
        oracle_gain: What the oracle takes off the mean completion time, as a share of it.
        gain: What this one does, over what the oracle does; of each seed.
        p99: Its 99th percentile of the completion time, over first come first served's.
        wait: Its longest wait, over first come first served's.
    """

    scenario: Scenario
    policy: str
    oracle_gain: Spread
    gain: Spread
    p99: Spread
    wait: Spread

    @property
    def queue_forms(self) -> bool:
        """Whether there is anything to gain."""
        return self.oracle_gain.median >= QUEUE_FORMS

    def to_row(self) -> Row:
        """As a row of the table."""
        return {
            "lengths": TITLES.get(self.scenario.lengths, self.scenario.lengths),
            "arrivals": self.scenario.arrivals,
            "slots": self.scenario.slots,
            "load": _load(self.scenario.load),
            "policy": self.policy,
            "oracle_gain": self.oracle_gain,
            **{name: getattr(self, name) for name in MEASURES},
        }


def frontier_table(outcomes: Sequence[Outcome]) -> Table:
    """Every rule at every load, over all scenarios where a queue forms."""
    columns = [
        Column("load", "load"),
        Column("policy", "rule"),
        Column("scenarios", "scenarios"),
        Column("gain", "of the oracle's gain", "{:.2f}", with_range=True),
        Column("p99", "p99 over FCFS's", "{:.2f}", with_range=True),
        Column("wait", "longest wait over FCFS's", "{:.2f}", with_range=True),
    ]
    notes = [
        "Medians over lengths, arrivals and slots, with the least and the greatest of them; each "
        "is itself the median of the seeds. Only where the oracle takes at least "
        f"{QUEUE_FORMS:.0%} off the mean: elsewhere no queue forms and no rule gains anything."
    ]
    formed = [one for one in outcomes if one.queue_forms]
    rows: list[Row] = []
    for load in _distinct(one.scenario.load for one in formed):
        for policy in _distinct(one.policy for one in formed):
            chosen = [o for o in formed if o.scenario.load == load and o.policy == policy]
            spreads = {name: _over(chosen, name) for name in MEASURES}
            place = {"load": _load(load), "policy": policy, "scenarios": len(chosen)}
            rows.append({**place, **spreads})
    return Table("frontier", "Mean gain against the tail", columns, rows, notes)


def scenarios_table(outcomes: Sequence[Outcome]) -> Table:
    """The default rule, scenario by scenario."""
    columns = [
        Column("lengths", "lengths"),
        Column("arrivals", "arrivals"),
        Column("slots", "slots"),
        Column("load", "load"),
        Column("oracle_gain", "oracle's gain", "{:.0%}"),
        Column("gain", "share of it", "{:.2f}", with_range=True),
        Column("p99", "p99", "{:.2f}", with_range=True),
        Column("wait", "longest wait", "{:.2f}", with_range=True),
    ]
    rows = [one.to_row() for one in outcomes if one.policy == DEFAULT_RULE]
    title = f"The default rule ({DEFAULT_RULE}) in every scenario"
    return Table("scenarios", title, columns, rows, ["Medians over seeds, with ranges."], True)


def sweep_table(outcomes: Sequence[Outcome]) -> Table:
    """Each rule from near first come first served to near shortest first."""
    columns = [
        Column("policy", "rule, setting"),
        Column("load", "load"),
        *(Column(name, name, "{:.2f}") for name in MEASURES),
    ]
    rows = [one.to_row() for one in outcomes]
    title = "Each rule over its setting, Poisson arrivals, 8 slots"
    return Table("sweep", title, columns, rows, detail=True)


def aims(outcomes: Sequence[Outcome]) -> list[Aim]:
    """What was to be reached, by medians over the scenarios where a queue forms."""
    formed = [one for one in outcomes if one.queue_forms]
    found: list[Aim] = []
    shortest = [one for one in formed if one.policy == "shortest"]
    found.append(Aim("shortest: of the oracle's gain", _over(shortest, "gain"), at_least=0.88))
    for policy, gain, p99 in ((DEFAULT_RULE, 0.8, 1.12), (PREEMPTING.name, 0.9, 1.1)):
        mine = [one for one in formed if one.policy == policy]
        for where, chosen in (
            ("load to 0.9", [one for one in mine if one.scenario.load <= 0.9]),
            ("burst", [one for one in mine if one.scenario.load == BURST]),
        ):
            if chosen:
                name = f"{policy}, {where}"
                found += [
                    Aim(f"{name}: of the oracle's gain", _over(chosen, "gain"), at_least=gain),
                    Aim(f"{name}: p99 over FCFS's", _over(chosen, "p99"), at_most=p99),
                    Aim(f"{name}: longest wait over FCFS's", _over(chosen, "wait"), at_most=1.2),
                ]
    return found


def _over(outcomes: Iterable[Outcome], measure: str) -> Spread:
    return Spread.of([getattr(one, measure).median for one in outcomes])


def _load(load: float) -> str:
    return f"burst of {load:g}" if load == BURST else f"{load:g}"


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
