"""A table of repeats: how long a look-up takes, and what it takes on the disk."""

import time
from pathlib import Path

import numpy as np

from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Row
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_runs import RepeatCollector, write_repeats
from lengthwise.index.repeats.repeat_table import RepeatTable

BATCH = 32
"""Queries in a micro-batch."""

BATCHES = 200
"""Micro-batches of each kind that are timed."""


def measure_repeats(entries: int, folder: Path, repeats: int) -> list[Row]:
    """One row for queries alone and one for micro-batches; half of what is asked is there."""
    path = folder / f"repeats-{entries}.bin"
    collector = RepeatCollector()
    for i in range(entries):
        collector.add(HistoryRecord(_prompt(i), i % 1_000, "llm"))
    write_repeats(path, [collector.table()])
    table = RepeatTable.open(path)
    rows: list[Row] = []
    for batch in (1, BATCH):
        took = [_look_up_us(table, entries, batch, seed) for seed in range(repeats)]
        rows.append(
            {
                "lengths": entries,
                "batch": batch,
                "us": Spread.from_values(took),
                "bytes": path.stat().st_size / entries,
            }
        )
    return rows


def _look_up_us(table: RepeatTable, entries: int, batch: int, seed: int) -> float:
    """CPU time of one query, in a batch; the file is in memory."""
    numbers = np.random.default_rng(seed).integers(2 * entries, size=(BATCHES, batch))
    asked = [[Query(_prompt(i), "llm") for i in line] for line in numbers.tolist()]
    started_s = time.process_time()
    for queries in asked:
        table.look_up(queries)
    return (time.process_time() - started_s) * 1e6 / numbers.size


def _prompt(number: int) -> str:
    return f"Describe how the number {number} is written in words, and why."
