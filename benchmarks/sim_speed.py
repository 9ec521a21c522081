"""How fast the simulator is, and what memory it takes: `python -m benchmarks.sim_speed`."""

import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.aims import Aim, aims_table
from benchmarks.options import base_parser, parsed
from benchmarks.report import Report, finish
from benchmarks.table import Column, Row, Table
from serving_sim.engine.engine import Engine
from serving_sim.engine.profile import Profile
from serving_sim.policies.registry import PolicyChoice
from serving_sim.simulate import simulate
from serving_sim.workload.arrivals import scaled_arrivals_s
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictions import oracle_with_noise
from serving_sim.workload.requests import Requests

NAME = "sim_speed"
TRACE = "trace_azure2023_conv.csv.gz"
PROFILE = "opt-13b-a100-40gb"
SLOTS = 256
KV_BLOCKS = 20_000
DAY_S = 86_400.0
DAY_REQUESTS, MANY_REQUESTS = 100_000, 1_000_000
POLICIES = ("fcfs", "lengthwise:shortest", "lengthwise", "srpt", "alise")
BUSY_RATE_PER_S = 9.0
TAU = 0.6
MIB = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parsed(base_parser(NAME, __doc__ or "", repeats=1), argv)
    day, many = (DAY_REQUESTS, MANY_REQUESTS) if not options.quick else (2_000, 20_000)
    path = options.data / TRACE
    rows = [_measured(path, day, rate, policy) for rate in (day / DAY_S, BUSY_RATE_PER_S)
            for policy in POLICIES]  # fmt: skip
    rows.append(_measured(path, many, BUSY_RATE_PER_S, "fcfs"))
    slowest_s = max(row["cpu_s"] for row in rows[: len(POLICIES)])
    what = "a day of traffic: 100,000 requests, batch 256, slowest policy, CPU time"
    day_s = Aim(what, slowest_s, at_most=30.0, form="{:.1f} s")
    finish(Report(NAME, options.command, [_table(rows), aims_table([day_s])]), options.json)
    return 0


def _measured(path: Path, count: int, rate_per_s: float, policy: str) -> Row:
    profile = Profile.named(PROFILE)
    engine = Engine(slots=SLOTS, kv_blocks=KV_BLOCKS, block_tokens=profile.block_tokens)
    before_mib = _peak_mib()
    requests = _requests(path, count, rate_per_s)
    made = PolicyChoice(policy).make(profile.cost, engine)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    result = simulate(requests, made, engine, profile.cost)
    wall_s = time.perf_counter() - started_s
    cpu_s = time.process_time() - started_cpu_s
    return {
        "policy": policy,
        "requests": count,
        "rate": rate_per_s,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "per_s": count / cpu_s,
        "virtual_s": result.makespan_s,
        "more_mib": _peak_mib() - before_mib,
    }


def _requests(path: Path, count: int, rate_per_s: float) -> Requests:
    table = LengthTable.read(path)
    assert table.timestamp_s is not None, f"{path} has no times"  # noqa: S101  it is a trace
    rows = np.arange(count) % len(table)
    told = oracle_with_noise(table.output_tokens, TAU, np.random.default_rng(0))
    arrival_s = scaled_arrivals_s(table.timestamp_s, rate_per_s, count)
    return Requests(arrival_s, table.input_tokens[rows], table.output_tokens[rows], told[rows])


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def _table(rows: Sequence[Row]) -> Table:
    return Table(
        "speed",
        f"Continuous batching, {SLOTS} slots, {KV_BLOCKS:,} blocks, trace_azure2023_conv",
        (
            Column("policy", "policy"),
            Column("requests", "requests", "{:,}"),
            Column("rate", "requests/s, virtual", "{:.2f}"),
            Column("virtual_s", "virtual time, s", "{:,.0f}"),
            Column("wall_s", "wall time, s", "{:.1f}"),
            Column("cpu_s", "CPU time, s", "{:.1f}"),
            Column("per_s", "requests a CPU second", "{:,.0f}"),
            Column("more_mib", "peak memory, more, MiB", "{:.0f}"),
        ),
        rows,
        (
            "One core, shared with other work where wall and CPU time differ. Peak memory: by how "
            "much the process's peak rose above all rows before.",
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
