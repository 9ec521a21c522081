"""SSJF against FCFS, told by its own predictor and by ours: `python -m benchmarks.sim_prompts`.

The authors' requests have no prompts. So this asks both about prompts of another set, held out from
what both learnt from, under the authors' cost model and arrivals in proportion to what it serves.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import VICUNA, read_records
from index_builder.baselines.fit_baselines import fit_baselines
from lengthwise.history.split import is_held_out
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.length_distribution import LengthDistribution
from serving_sim.cli.output import progress_bar
from serving_sim.engine.engine import Batching
from serving_sim.experiment import requests_per_s
from serving_sim.reproduce.ssjf import ENGINES, Scenario, SsjfRow, compare
from serving_sim.workload.length_table import DEFAULT_INPUT_TOKENS, LengthTable
from serving_sim.workload.requests import Distributions, FloatArray
from serving_sim.workload.workload import Workload, gamma_arrivals

NAME = "sim_prompts"
HOLDOUT = 0.2
"""As `benchmarks.training` holds out, whose index this may be given."""

THEIRS = "ssjf-5class"
"""SSJF's predictor of five classes, by the name that the index job knows it by."""

LOADS = (0.9, 1.1, 2.0)
"""Arrival rate over what first come first served serves when saturated."""

SIZES = ((50, 20), (2_000, 3))
"""Jobs and runs: as published, and enough for a queue to settle."""

QUICK_SIZES = ((50, 2),)
UNRULED = ("their predictor", "ours", "oracle")


@dataclass(frozen=True, slots=True)
class PredictedPrompts:
    """What a predictor says of the prompts.

    Args:
        name: What the tables call the predictor.
        tokens: One predicted length for each prompt, shape (rows,).
        distributions: By row; None where it says one number.
    """

    name: str
    tokens: FloatArray
    distributions: Distributions | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Predict, simulate, report."""
    parser = base_parser(NAME, __doc__ or "", repeats=1)
    parser.add_argument(
        "--index",
        type=Path,
        required=True,
        help="trained on the Vicuna set less its held-out fifth, as benchmarks.training does",
    )
    options = parsed(parser, argv)
    sizes = QUICK_SIZES if options.quick else SIZES
    asked = [r for r in read_records(options.data, VICUNA) if is_held_out(r, HOLDOUT)]
    told = _tell(LengthIndex.load(options.index), asked)
    table = table_of(asked)
    taus = {one.name: kendall_tau_b(one.tokens, table) for one in told}
    poisson = gamma_arrivals(1.0)
    workloads = {one.name: Workload(table, poisson, one.tokens, one.distributions) for one in told}
    total = len(ENGINES) * len(LOADS) * (1 + len(told) + len(UNRULED))
    total *= sum(jobs * runs for jobs, runs in sizes)
    with progress_bar("Requests simulated", total) as advance:
        rows = [
            row
            for jobs, runs in sizes
            for batching in ENGINES
            for scenario in _scenarios(table, batching)
            for row in compare(
                workloads,
                scenario,
                batching,
                jobs=jobs,
                runs=runs,
                unruled=UNRULED,
                on_progress=advance,
            )
        ]
    _report(rows, taus, options)
    return 0


def _tell(index: LengthIndex, asked: Sequence[HistoryRecord]) -> list[PredictedPrompts]:
    """What SSJF's predictor, ours and the truth say of the rows asked about."""
    vectors = index.encode([record.prompt for record in asked])
    (theirs,) = fit_baselines(index, [THEIRS], on_stage=say).baselines
    return [
        PredictedPrompts("their predictor", theirs.predict(asked, vectors).point),
        ours_of(index, asked, vectors),
        PredictedPrompts("oracle", np.array([float(record.output_tokens) for record in asked])),
    ]


def ours_of(
    index: LengthIndex, asked: Sequence[HistoryRecord], vectors: FloatMatrix | None = None
) -> PredictedPrompts:
    """What the index predicts of the rows.

    Args:
        index: Built without them.
        asked: The rows.
        vectors: Of their prompts, shape (rows, dimension), if they are at hand.
    """
    if vectors is None:
        vectors = index.encode([record.prompt for record in asked])
    queries = [Query(record.prompt, record.model) for record in asked]
    estimates = index.estimate(index.search(vectors, queries), queries)
    ours = [
        LengthDistribution.from_quantiles(e.quantile_levels, e.quantile_tokens) for e in estimates
    ]
    tokens = np.array([e.expected_tokens for e in estimates])
    return PredictedPrompts("ours", tokens, Distributions(ours, np.arange(len(ours))))


def table_of(asked: Sequence[HistoryRecord]) -> LengthTable:
    """Their true lengths; prompts of one typical length."""
    return LengthTable(
        np.array([record.output_tokens for record in asked]),
        np.full(len(asked), DEFAULT_INPUT_TOKENS),
    )


def _scenarios(table: LengthTable, batching: Batching) -> list[Scenario]:
    """Poisson arrivals at some loads; load 1 is what FCFS serves when saturated."""
    engine, cost = ENGINES[batching]
    poisson = gamma_arrivals(1.0)
    truth = table.output_tokens.astype(float)
    typical = Workload(table, poisson, truth).draw(len(table), 1.0, seed=0)
    served_per_s = requests_per_s(typical, engine, cost)
    return [Scenario(f"load {load:g}", load * served_per_s, poisson) for load in LOADS]


def kendall_tau_b(predicted: FloatArray, table: LengthTable) -> float:
    """Of one number for each row with its true length."""
    result: Any = kendalltau(predicted, table.output_tokens)
    return float(result.statistic)


def _report(rows: Sequence[SsjfRow], taus: dict[str, float], options: argparse.Namespace) -> None:
    heard = ", ".join(f"{name} {tau:.3f}" for name, tau in taus.items())
    notes = (
        f"Kendall tau-b with the true lengths: {heard}. Their predictor: the 5-class proxy, "
        "trained here on the rows that the index holds, from the same small encoder.",
        "Virtual time: the figures depend on no machine.",
    )
    small = [_prompts_table(rows, jobs) for jobs in dict.fromkeys(row.jobs for row in rows)]
    finish(Report(NAME, options.command, small, notes), options.json)


def _prompts_table(rows: Sequence[SsjfRow], jobs: int) -> Table:
    """A line for each batching mode, load and policy, at one number of jobs.

    Args:
        rows: Of any number of jobs.
        jobs: The number of jobs whose rows are shown.
    """
    chosen = [row for row in rows if row.jobs == jobs]
    found: list[Row] = [
        {
            "batching": row.batching,
            "arrivals": row.arrivals,
            "policy": row.policy,
            "jct": -row.comparison.jct_reduction,
            "sem": row.comparison.jct_reduction_sem,
            "throughput": row.comparison.throughput_ratio,
            "p99": row.comparison.p99_ratio,
            "wait": row.comparison.max_wait_ratio,
        }
        for row in chosen
    ]
    return Table(
        f"jobs_{jobs}",
        f"Against FCFS, prompts of the Vicuna set: {jobs:,} jobs, {chosen[0].runs} runs",
        (
            Column("batching", "batching"),
            Column("arrivals", "arrivals"),
            Column("policy", "policy"),
            Column("jct", "mean JCT", "{:+.1%}"),
            Column("sem", "standard error", "{:.1%}"),
            Column("throughput", "throughput", "x{:.2f}"),
            Column("p99", "p99", "x{:.2f}"),
            Column("wait", "longest wait", "x{:.2f}"),
        ),
        found,
    )


if __name__ == "__main__":
    sys.exit(main())
