"""Mean gain against the tail, every rule: `python -m benchmarks.frontier`.

Simulated (serving_sim, continuous batching at a constant speed), so that the machine's noise plays
no part: the seeds are the only chance in it.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.aims import aims_table
from benchmarks.frontier_picture import draw
from benchmarks.frontier_policies import CONTENDERS, FCFS, ORACLE, SWEPT, Contender
from benchmarks.frontier_tables import (
    BURST,
    Outcome,
    aims,
    frontier_table,
    scenarios_table,
    sweep_table,
)
from benchmarks.frontier_workload import ARRIVALS, COST, LMSYS, TAU, TRACE, Scenario, Workloads
from benchmarks.options import base_parser, parsed
from benchmarks.report import Report, finish
from benchmarks.spread import Spread
from benchmarks.workloads import VICUNA
from serving_sim.engine.engine import Engine
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Requests

LOADS = (0.7, 0.9, 1.1, BURST)
SLOTS = (1, 8, 32)
SUSTAINED_REQUESTS = 1_500
BURST_REQUESTS = 1_000

Figures = tuple[float, float, float]
"""Mean and 99th percentile of the completion time, and the longest wait; in seconds."""


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate and report."""
    parser = base_parser("frontier", "Mean gain of each rule against the tail.", repeats=3)
    parser.add_argument("--picture", type=Path, help="draw the frontier into this file")
    options = parsed(parser, argv)
    workloads = Workloads(options.data)
    outcomes: list[Outcome] = []
    for scenario in _scenarios(quick=options.quick):
        _say(scenario)
        # Preemption is what takes long to simulate.
        preempts = scenario.lengths == VICUNA
        contenders = [one for one in CONTENDERS if preempts or not one.preempts]
        outcomes += compare(workloads, scenario, contenders, options.repeats)
    swept: list[Outcome] = []
    for load in LOADS[1::2] if options.quick else LOADS[1:]:
        scenario = _scenario(VICUNA, ARRIVALS[0], 8, load, quick=options.quick)
        _say(scenario)
        swept += compare(workloads, scenario, SWEPT, options.repeats)
    if options.picture is not None:
        drawn = {one.scenario for one in swept}
        draw(swept, [one for one in outcomes if one.scenario in drawn], options.picture)
    finish(_report(options, outcomes, swept), options.json)


def compare(
    workloads: Workloads, scenario: Scenario, contenders: Sequence[Contender], seeds: int
) -> list[Outcome]:
    """Serve the same requests by each, and by first come first served and the oracle."""
    served = (FCFS, ORACLE, *contenders)
    figures: dict[str, list[Figures]] = {one.name: [] for one in served}
    for seed in range(seeds):
        requests = workloads.requests(scenario, seed)
        for one in served:
            figures[one.name].append(_serve(one, requests, scenario.slots))
    fcfs, oracle = figures[FCFS.name], figures[ORACLE.name]
    most_s = [base[0] - best[0] for base, best in zip(fcfs, oracle, strict=True)]
    oracle_gain = Spread.of([s / base[0] for s, base in zip(most_s, fcfs, strict=True)])
    found: list[Outcome] = []
    for one in contenders:
        pairs = list(zip(figures[one.name], fcfs, most_s, strict=True))
        found.append(
            Outcome(
                scenario,
                one.name,
                oracle_gain,
                gain=Spread.of(
                    [(base[0] - own[0]) / most if most else 0 for own, base, most in pairs]
                ),
                p99=Spread.of([own[1] / base[1] for own, base, _ in pairs]),
                wait=Spread.of([own[2] / base[2] for own, base, _ in pairs]),
            )
        )
    return found


def _serve(contender: Contender, requests: Requests, slots: int) -> Figures:
    if contender.knows_lengths:
        requests = requests.with_predictions(requests.output_tokens.astype(float))
    policy = contender.policy(float(requests.output_tokens.mean()))
    result = simulate(requests, policy, Engine(slots=slots), COST)
    jct_s = result.jct_s
    return float(jct_s.mean()), float(np.percentile(jct_s, 99)), float(result.wait_s.max())


def _scenarios(*, quick: bool) -> list[Scenario]:
    every = [
        *product((VICUNA,), ARRIVALS, SLOTS, LOADS),
        *product((LMSYS,), ARRIVALS[:1], SLOTS, LOADS),
    ]
    chosen = every[5:48:14] if quick else every
    return [_scenario(*one, quick=quick) for one in chosen]


def _scenario(lengths: str, arrivals: str, slots: int, load: float, *, quick: bool) -> Scenario:
    requests = BURST_REQUESTS if load == BURST else SUSTAINED_REQUESTS
    return Scenario(lengths, arrivals, slots, load, requests // 10 if quick else requests)


def _report(
    options: argparse.Namespace, outcomes: Sequence[Outcome], swept: Sequence[Outcome]
) -> Report:
    tables = [
        frontier_table(outcomes),
        scenarios_table(outcomes),
        sweep_table(swept),
        aims_table(aims(outcomes)),
    ]
    notes = [
        f"Simulated: continuous batching, {COST.step_s * 1000:g} ms a step whatever the batch, "
        f"prefill {COST.prefill_token_s * 1e6:g} µs a token; a preempted request is recomputed.",
        f"Lengths of {VICUNA} and {LMSYS}; predictions drawn, of Kendall tau-b {TAU:g} with the "
        f"lengths. Arrivals Poisson, gamma (CV 3) and of {TRACE}.",
        f"{SUSTAINED_REQUESTS:,} requests at each load, {BURST_REQUESTS:,} in a burst; each run "
        "starts cold: rules that learn learn in it. The oracle is shortest first on true lengths, "
        "without preemption. Waits are all time not running.",
    ]
    return Report("frontier", options.command, tables, notes)


def _say(scenario: Scenario) -> None:
    what = f"{scenario.lengths}, {scenario.arrivals}, {scenario.slots} slots, load {scenario.load}"
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
