"""How fast an encoder is trained."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gpu.part import Measured, Setting
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Table
from benchmarks.harness.template_workload import template_records
from index_builder.training.options import TrainOptions
from index_builder.training.train import train
from lengthwise.index.encoder.encoder import locate_encoder

ROWS = 8_000
"""Learnt from, once."""

QUICK_ROWS = 130
"""The same with --quick; fewer than 100 to learn from are refused."""


def measure(setting: Setting) -> Measured:
    """One pass over made-up rows, as the index job trains: tokens, steps, validation, writing."""
    model = locate_encoder(setting.model)  # or an error that says how to get it
    records = template_records(QUICK_ROWS if setting.quick else ROWS)
    rates: list[float] = []
    for _ in range(setting.repeats):
        with TemporaryDirectory(prefix="lengthwise-bench-") as name:
            folder = Path(name)
            started_s = time.perf_counter()
            train(
                records,
                model,
                folder / "out",
                TrainOptions(epochs=1),
                device=setting.device,
                checkpoints=folder / "checkpoints",
            )
            rates.append(len(records) / (time.perf_counter() - started_s))
    columns = [
        Column("rows", "rows", "{:,}"),
        Column("rate", "rows/s", "{:,.0f}", with_range=True),
    ]
    rows = [{"rows": len(records), "rate": Spread.from_values(rates)}]
    notes = ["Loading the model included, a second or two."]
    return Measured([Table("gpu_training", "One pass of training", columns, rows, notes)])
