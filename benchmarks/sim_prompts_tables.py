"""The tables of `sim_prompts`."""

from collections.abc import Sequence

from benchmarks.table import Column, Row, Table
from serving_sim.reproduce.ssjf import SsjfRow


def prompts_table(rows: Sequence[SsjfRow], jobs: int) -> Table:
    """A line for each batching mode, load and policy, at one number of jobs.

    Args:
        rows: Of any number of jobs.
        jobs: The number wanted.
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
