"""What any order could gain of a burst by these predictions: `python -m benchmarks.sim_ceiling`.

Every policy of the simulator serves the same bursts of held-out prompts, once told what the index
predicts of them and once told the truth. What the best of them gains by predictions, whatever
becomes of the tail, is what no rule can gain more than; the rest is up to the predictor.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.frontier.workload import COST
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import VICUNA, read_records
from benchmarks.sim_prompts import HOLDOUT, PredictedPrompts, kendall_tau_b, ours_of, table_of
from lengthwise.history.split import is_held_out
from lengthwise.index.index import LengthIndex
from serving_sim.cli.output import progress_bar
from serving_sim.engine.engine import Engine
from serving_sim.experiment import requests_per_s
from serving_sim.policies.registry import ORACLE, POLICY_NAMES, PolicyChoice
from serving_sim.simulate import simulate
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.requests import Requests
from serving_sim.workload.workload import Workload, gamma_arrivals

NAME = "sim_ceiling"

LOAD = 2.0
"""Arrival rate over what first come first served serves when saturated: a burst."""

SIZES = ((8, 200), (32, 600))
"""Slots, and requests of a burst: as `benchmarks.vllm_jct` has them."""

SEEDS = 48
"""Bursts of each size: of three the p99 of 200 requests, the second longest, is off by a tenth."""

FCFS, BEST = "fcfs", f"{ORACLE}sjf"
"""What a gain is measured from, and what it is a share of."""

LEFT_OUT = ("lengthwise:guarded", "lengthwise:off", "lengthwise:shortest", "ssjf")
"""The default rule, first come first served and, in a burst, shortest first under other names."""

SHARES = {"lengthwise": 0.75, "lengthwise-scheduler": 0.85}
"""Of that gain, to be reached by the default rule and with preemption on: as in `vllm_jct`."""

BLIND = "mlfq"
"""Hears no prediction: the truth changes nothing."""

Figures = tuple[float, float, float]
"""Mean and 99th percentile of the completion time, and the longest wait; in seconds."""


@dataclass(frozen=True, slots=True)
class Served:
    """One policy over all bursts of one size, beside first come first served on the same requests.

    Args:
        slots: Requests that run at once.
        policy: By its name in the simulator.
        change: Of the mean completion time, as a share of first come first served's.
        share: What it gains, over what shortest first gains when told the truth.
        p99: Its 99th percentile of the completion time, over first come first served's.
        wait: Its longest wait, over first come first served's.
    """

    slots: int
    policy: str
    change: Spread
    share: Spread
    p99: Spread
    wait: Spread

    @classmethod
    def from_bursts(cls, slots: int, policy: str, bursts: Sequence[dict[str, Figures]]) -> "Served":
        """Of the figures of every policy, burst by burst."""
        own = [burst[policy] for burst in bursts]
        base = [burst[FCFS] for burst in bursts]
        best = [burst[BEST] for burst in bursts]
        pairs = list(zip(own, base, strict=True))
        gains = [f[0] - o[0] for o, f in pairs]
        most = [f[0] - b[0] for b, f in zip(best, base, strict=True)]
        return cls(
            slots,
            policy,
            change=Spread.from_values([o[0] / f[0] - 1 for o, f in pairs]),
            share=Spread.from_values([gain / of for gain, of in zip(gains, most, strict=True)]),
            p99=Spread.from_values([o[1] / f[1] for o, f in pairs]),
            wait=Spread.from_values([o[2] / f[2] for o, f in pairs]),
        )

    def to_row(self) -> Row:
        """As a row of the table."""
        names = ("policy", "change", "share", "p99", "wait")
        return {name: getattr(self, name) for name in names}


def main(argv: Sequence[str] | None = None) -> int:
    """Predict, simulate, report."""
    parser = base_parser(NAME, "What any order could gain by these predictions.", repeats=SEEDS)
    parser.add_argument(
        "--index",
        type=Path,
        required=True,
        help="trained on the Vicuna set less its held-out fifth, as benchmarks.training does",
    )
    options = parsed(parser, argv)
    asked = [r for r in read_records(options.data, VICUNA) if is_held_out(r, HOLDOUT)]
    told, table = ours_of(LengthIndex.load(options.index), asked), table_of(asked)
    told_apart = [name for name in POLICY_NAMES if name not in LEFT_OUT]
    knowing = [f"{ORACLE}{name}" for name in told_apart if name not in (FCFS, BLIND)]
    policies = told_apart + knowing
    served: list[Served] = []
    with progress_bar("Bursts", len(SIZES) * options.repeats) as advance:
        for slots, count in SIZES:
            bursts: list[dict[str, Figures]] = []
            for seed in range(options.repeats):
                requests = _burst(table, told, slots, count, seed)
                bursts.append({name: _serve(name, requests, slots) for name in policies})
                advance(1)
            served += [Served.from_bursts(slots, name, bursts) for name in policies]
    tau = kendall_tau_b(told.tokens, table)
    finish(_report(options.command, served, tau, options.repeats), options.json)
    return 0


def _burst(
    table: LengthTable, told: PredictedPrompts, slots: int, count: int, seed: int
) -> Requests:
    """Requests that come at twice the rate at which they can be served."""
    workload = Workload(table, gamma_arrivals(1.0), told.tokens, told.distributions)
    typical = workload.draw(len(table), 1.0, seed=0)
    return workload.draw(count, LOAD * requests_per_s(typical, Engine(slots=slots), COST), seed)


def _serve(name: str, requests: Requests, slots: int) -> Figures:
    choice, engine = PolicyChoice(name), Engine(slots=slots)
    if choice.oracle:
        requests = requests.with_predictions(requests.output_tokens.astype(float))
    result = simulate(requests, choice.make(COST, engine), engine, COST)
    jct_s = result.jct_s
    return float(jct_s.mean()), float(np.percentile(jct_s, 99)), float(result.wait_s.max())


def _report(command: str, served: Sequence[Served], tau: float, seeds: int) -> Report:
    notes = (
        f"Held-out prompts of the Vicuna set; what the index predicts of them has Kendall tau-b "
        f'{tau:.3f} with their lengths. Policies with "{ORACLE}" before them are told the truth. '
        f"Bursts of Poisson arrivals at a load of {LOAD:g}, {seeds} seeds: medians.",
        f"Simulated: continuous batching, {COST.step_s * 1000:g} ms a step whatever the batch; "
        "virtual time, so that the figures depend on no machine.",
    )
    tables = [_table(slots, n, served) for slots, n in SIZES]
    return Report(NAME, command, [*tables, aims_table(_aims(served))], notes)


def _aims(served: Sequence[Served]) -> list[Aim]:
    aims: list[Aim] = []
    for one in served:
        if (wanted := SHARES.get(one.policy)) is not None:
            where = f"{one.policy}, {one.slots} slots"
            aims += [
                Aim(f"of {BEST}'s gain, {where}", one.share, at_least=wanted),
                Aim(f"p99 over FCFS's, {where}", one.p99, at_most=1.12),
            ]
    return aims


def _table(slots: int, count: int, served: Sequence[Served]) -> Table:
    chosen = [one for one in served if one.slots == slots and one.policy != FCFS]
    return Table(
        f"slots_{slots}",
        f"Against FCFS in a burst: {slots} slots, {count} requests",
        (
            Column("policy", "policy"),
            Column("change", "mean JCT", "{:+.1%}"),
            Column("share", f"of {BEST}'s gain", "{:.2f}", with_range=True),
            Column("p99", "p99", "x{:.2f}", with_range=True),
            Column("wait", "longest wait", "x{:.2f}"),
        ),
        [one.to_row() for one in sorted(chosen, key=lambda one: one.change.median)],
    )


if __name__ == "__main__":
    sys.exit(main())
