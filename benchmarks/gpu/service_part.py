"""The real service under load, over gRPC."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gpu.encoder_part import PROMPTS, QUICK_PROMPTS
from benchmarks.gpu.part import Measured, Setting
from benchmarks.gpu.prompts import mixed_prompts
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.template_workload import template_records
from benchmarks.harness.workloads import RecordList
from benchmarks.service_load.job import LoadJob
from benchmarks.service_load.measure import Measurer, job_name
from benchmarks.service_load.servers import Server, predictor_service
from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import load_encoder

LEARNT_ROWS = 8_000
"""Of the index."""

QUICK_LEARNT_ROWS = 400
"""The same with --quick."""

CALLERS = (1, 32, 128)
"""That ask one prompt at a time each."""

ASKED_BY_ONE = 512
"""Prompts of a pass with one caller."""


def measure(setting: Setting) -> Measured:
    """Unary calls, and streams of batches."""
    prompts = mixed_prompts(QUICK_PROMPTS if setting.quick else PROMPTS)
    records = template_records(QUICK_LEARNT_ROWS if setting.quick else LEARNT_ROWS)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        encoder = load_encoder(setting.model, device=setting.device)
        index = build_index(RecordList(records), folder / "index", encoder).path
        asked = folder / "prompts.json"
        asked.write_text(json.dumps(prompts), "utf-8")
        with predictor_service(index, folder, processes=1) as server:
            rows = _passes(server, asked, prompts, setting)
    columns = [
        Column("name", "asked by"),
        Column("rate", "predictions/s", "{:,.0f}", with_range=True),
        Column("p50_ms", "p50, ms", "{:.2f}"),
        Column("p99_ms", "p99, ms", "{:.2f}"),
        Column("mean_batch", "micro-batch", "{:.1f}"),
    ]
    notes = [
        f"Index: {len(records):,} made-up rows. The service's cache is off; the load generator is "
        "a process on the same machine. Latencies are of messages."
    ]
    return Measured([Table("gpu_service", "The service under load", columns, rows, notes)])


def _passes(server: Server, asked: Path, prompts: list[str], setting: Setting) -> list[Row]:
    with Measurer(server, asked, prompts, None, 0) as measurer:
        wanted = _jobs(len(prompts))
        for job in wanted:
            measurer.warm_up(job)
        rounds = [[measurer.load(job) for job in wanted] for _ in range(setting.repeats)]
    return [
        {
            "name": job_name(job),
            "rate": Spread.from_values([result.rate for result in results]),
            "p50_ms": Spread.from_values([result.latency_ms(0.5) for result in results]),
            "p99_ms": Spread.from_values([result.latency_ms(0.99) for result in results]),
            "mean_batch": Spread.from_values([result.mean_batch for result in results]),
        }
        for job, results in zip(wanted, zip(*rounds, strict=True), strict=True)
    ]


def _jobs(prompts: int) -> list[LoadJob]:
    return [
        *(LoadJob("unary", n, min(prompts, ASKED_BY_ONE) if n == 1 else prompts) for n in CALLERS),
        LoadJob("stream", callers=1, prompts=prompts, per_message=32, in_flight=8),
        LoadJob("batch", callers=2, prompts=prompts, per_message=128),
    ]
