"""Frontiers of cost and attainment: `python -m benchmarks.autoscaler [--case NAME]`.

A fleet in virtual time (`serving_sim.fleet`) on real arrivals and lengths, scaled by each policy
over its own number. What is assumed of an engine, and how requests come, is in `scenarios.py`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.autoscaler.ablation import predictions_table, shift_table, start_up_table
from benchmarks.autoscaler.cases import CASES
from benchmarks.autoscaler.frontier import (
    SWEEPS,
    Point,
    best,
    cheapest,
    default,
    equal_attainment_table,
    frontier,
    frontier_table,
)
from benchmarks.autoscaler.picture import draw
from benchmarks.autoscaler.scenarios import CODE, CONV, ENGINE_NOTE, SPREAD_NOTE, setting
from benchmarks.autoscaler.waiting import waiting_table
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish
from benchmarks.harness.spread import Spread, ratio_spread
from serving_sim.fleet.experiment import compare

NAME = "autoscaler"
COUNT, QUICK_COUNT = 24_000, 1_500
"""Interactive requests of a run: 25 minutes of virtual time, with three bursts."""

QUOTA = 6
"""Instances of the run with a quota: about twice what the mean load needs."""

LEAST_VALUE = 1e-3
"""What a share or a number of hours counts as at least in a ratio: a baseline may reach none."""

DAY_REQUESTS, DAY_S, DAY_INSTANCES = 100_000, 86_400.0, 20
LEVELS = (0.95, 0.98, 0.99, 0.995, 0.999)
UNTUNED, HPA, CHIRON = "Llumnix-like, 64 slots", "HPA on utilisation", "Chiron"
OCCUPANCY, GUARDED = "occupancy ahead", "+ guarded order"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = base_parser(NAME, __doc__ or "", repeats=5)
    parser.add_argument("--picture", type=Path, help="draw the frontiers to this file")
    parser.add_argument("--case", choices=CASES, help="answer one question alone, in minutes")
    options = parsed(parser, argv)
    if options.case is not None:
        return _case(options)
    count, queues = (QUICK_COUNT, 20) if options.quick else (COUNT, 300)
    seeds = range(options.repeats)
    data: Path = options.data
    conv = frontier(CONV, data, count=count, seeds=seeds)
    code = frontier(CODE, data, count=count, seeds=seeds)
    capped = frontier(CONV, data, count=count, seeds=seeds, quota=QUOTA)
    tables = [
        aims_table(_aims(conv, capped, _day_s(data, quick=options.quick))),
        equal_attainment_table(conv, LEVELS),
        frontier_table("conversation", "Arrivals of Azure's conversations, with bursts", conv, ()),
        frontier_table("code", "Arrivals of Azure's code completions", code, ()),
        frontier_table("quota", f"Conversations with {QUOTA} instances at most", capped, ()),
        predictions_table(data, count, seeds),
        start_up_table(data, count, seeds),
        shift_table(data, count, seeds),
        waiting_table(data, queues),
    ]
    if options.picture is not None:
        draw({CONV.name: conv, CODE.name: code, f"quota of {QUOTA}": capped}, options.picture)
    finish(Report(NAME, options.command, tables, _notes(count)), options.json)
    return 0


def _case(options: argparse.Namespace) -> int:
    case = CASES[options.case]
    count = min(QUICK_COUNT, case.count) if options.quick else case.count
    table = case.measure(options.data, count, range(options.repeats))
    notes = _assumed(count) if case.notes is None else case.notes()
    finish(Report(f"{NAME}_{options.case}", options.command, [table], notes), options.json)
    return 0


def _aims(points: Sequence[Point], capped: Sequence[Point], day_s: float) -> list[Aim]:
    """Ours is the default setting; baselines at their own default, and at their best."""
    ours, untuned = default(points, GUARDED), default(points, UNTUNED)
    reached = ours.spread("interactive_attainment").median
    hpa = cheapest(points, HPA, reached) or best(points, HPA)
    aims = [
        Aim(
            f"attainment with a quota over the untuned baseline's ({UNTUNED}), default settings",
            _ratio(default(capped, GUARDED), default(capped, UNTUNED), "interactive_attainment"),
            at_least=1.9,
            form="{:.2f}x",
        ),
        Aim(
            f"instance hours over {UNTUNED}",
            _ratio(ours, untuned, "instance_hours"),
            at_most=0.5,
            form="{:.2f}x",
        ),
        Aim(
            f"instance hours over a tuned HPA ({hpa.policy}) at equal attainment or its best",
            _ratio(ours, hpa, "instance_hours"),
            at_most=0.75,
            form="{:.2f}x",
        ),
    ]
    chiron = cheapest(points, CHIRON, reached)
    if chiron is not None:
        what = f"instance hours over our own Chiron ({chiron.policy}) at equal attainment"
        hours = _ratio(ours, chiron, "instance_hours")
        aims.append(Aim(what, hours, at_most=0.88, form="{:.2f}x"))
    longest = 100 * (
        ours.spread("longest_attainment").median
        - default(points, OCCUPANCY).spread("longest_attainment").median
    )
    return [
        *aims,
        Aim(
            "attainment of the longest fifth over the variant without predictions, points",
            longest,
            at_least=-1.0,
            form="{:+.2f}",
        ),
        Aim(
            f"a day of {DAY_REQUESTS:,} requests, {DAY_INSTANCES} instances, CPU time",
            day_s,
            at_most=60.0,
            form="{:.1f} s",
        ),
    ]


def _ratio(over: Point, under: Point, name: str) -> Spread:
    values = (
        [max(LEAST_VALUE, float(getattr(row, name))) for row in one.rows] for one in (over, under)
    )
    return ratio_spread(*values)


def _day_s(data: Path, *, quick: bool) -> float:
    """CPU seconds of a day in which our own decision scales a fleet of at least 20."""
    count = DAY_REQUESTS if not quick else DAY_REQUESTS // 50
    share = 0.3
    interactive = round(count / (1 + share))
    workload = CONV.workload(data, interactive)
    fleet = replace(setting(), least=DAY_INSTANCES)
    day = replace(workload, rate_per_s=interactive / DAY_S, job_every_s=3_600.0)
    started_s = time.process_time()
    for _ in compare(day, ["lengthwise"], fleet, seeds=[0]):
        pass
    return time.process_time() - started_s


def _notes(count: int) -> list[str]:
    settings = sum(len(family) for family in SWEEPS.values())
    return [
        *_assumed(count),
        f"{settings} settings of {len(SWEEPS)} families on the same requests.",
        "Llumnix-like, HPA and KEDA have one pool that serves in order of arrival; Chiron and what "
        "follows it tell classes apart and lend mixed instances to batch requests.",
    ]


def _assumed(count: int) -> list[str]:
    return [
        ENGINE_NOTE,
        f"{count:,} interactive requests a run at 16/s on average, with 10 s to the first token "
        "and 200 ms between tokens, and 0.3 batch requests for each, in jobs every 5 minutes that "
        "are due in 15; ShareGPT lengths.",
        SPREAD_NOTE,
    ]


if __name__ == "__main__":
    sys.exit(main())
