"""How well a queue's work is foretold, by how many wait and by what is known of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autoscaler.core.demand import Knowledge, TokenDemand
from autoscaler.core.waiting import tokens_quantile
from benchmarks.autoscaler.scenarios import MOST_TOKENS, TAU
from benchmarks.harness.table import Column, Row, Table
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predicted, Predictor
from serving_sim.workload.requests import IntArray

SETS = ("alpaca_davinci003.jsonl.gz", "lengths_only_sharegpt_nanoflow.csv.gz")
"""Two jobs that a queue is mixed of: short answers and long ones."""

SIZES = (10, 30, 100, 300, 1_000, 2_000)
LEVEL = 0.9
"""Of the quantile whose coverage is counted."""

Demand = Callable[[int, IntArray], TokenDemand]
"""A job and its rows that wait: their work."""


def waiting_table(data: Path, queues: int) -> Table:
    """R2 of the expected work and coverage of its 90 % quantile.

    Args:
        data: Folder of the real sets.
        queues: Of each size, each with its own share of either job.
    """
    tables = [LengthTable.from_file(data / name).within(MOST_TOKENS) for name in SETS]
    told = [Predictor.from_text(f"noise:{TAU}").predict(table) for table in tables]
    means = [float(table.output_tokens.mean()) for table in tables]
    overall = float(np.mean(means))
    ways: dict[str, Demand] = {
        "the LLM's mean": lambda _, rows: _by_mean(rows, overall, Knowledge.LLM_MEAN),
        "each job's mean": lambda job, rows: _by_mean(rows, means[job], Knowledge.JOB_MEAN),
        "predictions": lambda job, rows: _predicted(rows, told[job]),
    }
    rows = [_row(way, name, size, tables, queues) for name, way in ways.items() for size in SIZES]
    return Table(
        "waiting",
        "Tokens that a queue will generate: expected against true",
        (
            Column("known", "known of lengths"),
            Column("size", "requests that wait", "{:,}"),
            Column("r2", "R2 of the mean", "{:.3f}"),
            Column("coverage", "within the 90 % quantile, %", "{:.1f}"),
            Column("width", "quantile over mean", "{:.2f}"),
        ),
        rows,
        (
            f"{queues} queues of each size, each a mix of Alpaca and ShareGPT answers in a share "
            f"of its own; predictions with Kendall tau-b {TAU} within each set.",
        ),
    )


def _row(way: Demand, name: str, size: int, tables: list[LengthTable], queues: int) -> Row:
    rng = np.random.default_rng(size)
    true, expected, quantile = (np.zeros(queues) for _ in range(3))
    for queue in range(queues):
        first = int(rng.binomial(size, rng.uniform()))
        demand = TokenDemand()
        for job, count in enumerate((first, size - first)):
            rows = rng.integers(len(tables[job]), size=count)
            true[queue] += tables[job].output_tokens[rows].sum()
            demand += way(job, rows)
        expected[queue] = demand.mean_tokens
        quantile[queue] = tokens_quantile(demand, LEVEL)
    unexplained = float(((true - expected) ** 2).sum() / ((true - true.mean()) ** 2).sum())
    return {
        "known": name,
        "size": size,
        "r2": 1 - unexplained,
        "coverage": 100 * float((true <= quantile).mean()),
        "width": float((quantile / expected).mean()),
    }


def _by_mean(rows: IntArray, mean: float, known: Knowledge) -> TokenDemand:
    return TokenDemand.from_mean(len(rows), mean, known)


def _predicted(rows: IntArray, told: Predicted) -> TokenDemand:
    distributions: Any = told.distributions
    return TokenDemand.from_distributions(distributions[row] for row in rows.tolist())
