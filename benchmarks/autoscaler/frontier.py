"""Cost against attainment, each policy over its own number: never one point."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.autoscaler.scenarios import Scenario, setting
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from serving_sim.fleet.contenders import UNTUNED_SLOTS
from serving_sim.fleet.experiment import FleetRun, compare
from serving_sim.fleet.result import FleetSummary

SWEEPS: Mapping[str, tuple[str, ...]] = {
    "Llumnix-like, 64 slots": tuple(f"llumnix:{n}@{UNTUNED_SLOTS}" for n in (0.1, 0.2, 0.35, 0.5)),
    "Llumnix-like, best batch": tuple(f"llumnix:{n}" for n in (0.1, 0.2, 0.35, 0.5)),
    "HPA on utilisation": tuple(f"utilisation:{n}" for n in (0.8, 0.7, 0.6, 0.45, 0.3)),
    "KEDA on requests": tuple(f"requests:{n}" for n in (220, 180, 128, 90, 64)),
    "Chiron": tuple(f"chiron:{n}" for n in (0.8, 0.7, 0.6, 0.5, 0.4, 0.33)),
    "+ feasible first": tuple(f"chiron-feasible:{n}" for n in (0.8, 0.7, 0.6, 0.5, 0.4, 0.33)),
    "occupancy ahead": tuple(f"occupancy:{n}" for n in (1, 0.85, 0.75, 0.65, 0.55)),
    "+ predictions": tuple(f"predicted:{n}" for n in (1, 0.85, 0.75, 0.65, 0.55)),
    "+ guarded order": tuple(f"lengthwise:{n}" for n in (1, 0.85, 0.75, 0.65, 0.55)),
}
"""By family: the same policy from cheap to dear."""

DEFAULTS = {
    "Llumnix-like, 64 slots": f"llumnix:0.2@{UNTUNED_SLOTS}",
    "Llumnix-like, best batch": "llumnix:0.2",
    "HPA on utilisation": "utilisation:0.6",
    "KEDA on requests": "requests:128",
    "Chiron": "chiron:0.33",
    "+ feasible first": "chiron-feasible:0.33",
    "occupancy ahead": "occupancy:0.85",
    "+ predictions": "predicted:0.85",
    "+ guarded order": "lengthwise:0.85",
}
"""What each family is set to by who tunes nothing."""


@dataclass(frozen=True, slots=True)
class Point:
    """One policy at one setting, over all seeds.

    Args:
        family: Name of the swept policy, a key of SWEEPS.
        policy: As `serving_sim fleet` takes it.
        rows: One for each seed, in their order.
    """

    family: str
    policy: str
    rows: Sequence[FleetSummary]

    def spread(self, name: str) -> Spread:
        """Median and range of one of the rows' figures."""
        return Spread.from_values([float(getattr(row, name)) for row in self.rows])

    def percent(self, name: str) -> Spread:
        """Median and range of a share, in percent."""
        return _percent(self.spread(name))

    def to_row(self) -> Row:
        """For the table."""
        names = ("interactive_attainment", "longest_attainment", "batch_attainment")
        figures = ("instance_hours", "good_per_instance_hour", "p99_ttft_s", "actions")
        spreads = {name: self.spread(name) for name in (*names, *figures)}
        shares = {name: self.percent(name) for name in names}
        return {"family": self.family, "policy": self.policy, **spreads, **shares}


def frontier(
    scenario: Scenario,
    data: Path,
    *,
    count: int,
    seeds: Sequence[int],
    sweeps: Mapping[str, Sequence[str]] = SWEEPS,
    quota: int | None = None,
) -> list[Point]:
    """Every setting of every family on the same requests.

    Args:
        scenario: Arrivals, rate, swing and bursts.
        data: Folder of the real sets.
        count: Interactive requests of a run.
        seeds: One draw of the workload for each.
        sweeps: The settings that each family is run at.
        quota: Instances of all pools together at most; None for any number.
    """
    names = [name for family in sweeps.values() for name in family]
    rows: dict[str, list[FleetSummary]] = {name: [] for name in names}
    workload = scenario.workload(data, count)
    for run in compare(workload, names, setting(quota=quota), seeds=seeds):
        rows[run.summary.policy].append(run.summary)
    return [
        Point(family, name, rows[name]) for family, settings in sweeps.items() for name in settings
    ]


def points_of(runs: Iterable[FleetRun]) -> list[Point]:
    """A point for each policy of a comparison, without a family."""
    rows: dict[str, list[FleetSummary]] = {}
    for run in runs:
        rows.setdefault(run.summary.policy, []).append(run.summary)
    return [Point("", policy, of_policy) for policy, of_policy in rows.items()]


def frontier_table(name: str, title: str, points: Sequence[Point], notes: Sequence[str]) -> Table:
    """All settings, family by family."""
    return Table(name, title, COLUMNS, [point.to_row() for point in points], notes)


def cheapest(points: Sequence[Point], family: str, attainment: float) -> Point | None:
    """Of a family, the setting with the fewest hours that reaches an attainment of both classes."""
    reached = [
        point
        for point in points
        if point.family == family
        and point.spread("interactive_attainment").median >= attainment
        and point.spread("batch_attainment").median >= attainment
    ]
    return min(reached, key=lambda point: point.spread("instance_hours").median, default=None)


def best(points: Sequence[Point], family: str) -> Point:
    """Of a family, the setting with the highest attainment of interactive requests."""
    among = [point for point in points if point.family == family]
    return max(among, key=lambda point: point.spread("interactive_attainment").median)


def default(points: Sequence[Point], family: str) -> Point:
    """Of a family, the setting of who tunes nothing."""
    return next(point for point in points if point.policy == DEFAULTS[family])


def equal_attainment_table(points: Sequence[Point], levels: Sequence[float]) -> Table:
    """The fewest instance hours of each family at which both classes reach a level."""
    rows: list[Row] = []
    for family in dict.fromkeys(point.family for point in points):
        row: Row = {"family": family}
        for level in levels:
            found = cheapest(points, family, level)
            row[f"at_{level}"] = found.spread("instance_hours") if found else None
        rows.append(row)
    columns = [Column("family", "policy")]
    columns += [
        Column(f"at_{level}", f"{level:.1%}", "{:.2f}", with_range=True) for level in levels
    ]
    return Table(
        "equal_attainment",
        "Instance hours at which both classes keep their SLO in this share of the requests",
        columns,
        rows,
        ("The cheapest setting of each family that reaches it; empty: none of its settings does.",),
    )


def _percent(spread: Spread) -> Spread:
    return Spread(100 * spread.median, 100 * spread.lowest, 100 * spread.highest)


COLUMNS = (
    Column("family", "policy"),
    Column("policy", "setting"),
    Column("interactive_attainment", "interactive, %", "{:.2f}", with_range=True),
    Column("longest_attainment", "longest fifth, %", "{:.2f}"),
    Column("batch_attainment", "batch, %", "{:.1f}"),
    Column("instance_hours", "instance hours", "{:.2f}", with_range=True),
    Column("good_per_instance_hour", "good requests per hour", "{:,.0f}"),
    Column("p99_ttft_s", "p99 TTFT, s", "{:.1f}"),
    Column("actions", "scaling actions", "{:.0f}"),
)
