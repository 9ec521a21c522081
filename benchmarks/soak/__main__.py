"""The service under 80 % of its load for an hour: `python -m benchmarks.soak --json OUT`.

What it can take is measured first. Then requests come by chance, each is predicted and its length
reported to SQLite, and memory, latency and errors are noted all along.
"""

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness.killable_service import KillableService, real_service
from benchmarks.harness.options import recorded_command
from benchmarks.harness.raw_encoder import ready_encoder
from benchmarks.harness.report import finish, say
from benchmarks.harness.spread import percentile
from benchmarks.harness.template_workload import template_records
from benchmarks.harness.workloads import RecordList
from benchmarks.soak.load import SoakLoad
from benchmarks.soak.tables import SoakFindings, Stretch, soak_report, summary
from index_builder.build.builder import build_index
from scheduler_client.aio import AsyncLengthPredictorClient
from testbed.process_tree import resident_mib

INDEX_ROWS = 1_000
"""Rows of the index that is served at first."""

CAPACITY_CALLERS = 32
"""Callers of the closed loop by which the capacity is measured."""

BURST_CALLERS = 512
"""Callers by which cache and learnt rows are filled."""

STRETCHES = 120
"""Parts of the run that are looked at one by one."""

READ_EVERY_S = 1.0
"""Memory is read so often, at least once in each part."""

MIN_STRETCH_S = 0.5
"""Of a short run, the least that a part lasts, in seconds."""

LONG_MINUTES = 20.0
"""From here on a run can fill caches of a size that is in use."""

LARGE, SMALL = 20_000, 256
"""What the cache and the rows learnt from reports are bounded to, in long runs and in short ones:
full before the capacity is measured, since the more rows there are, the longer the search takes."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _options(argv)
    with TemporaryDirectory(prefix="lengthwise-soak-") as name:
        found = _measure(options, Path(name))
    read = {"memory_mib": [round(one.resident_mib, 1) for one in found.stretches]}
    finish(soak_report(options.command, found), options.json, {**summary(found), **read})


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="of load")
    parser.add_argument("--load", type=float, default=0.8, help="share of the measured capacity")
    parser.add_argument("--capacity-s", type=float, default=20.0, help="to measure that for")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if not 0.1 <= options.minutes <= 10_000 or not 0 < options.load <= 1:
        parser.error("expected --minutes of 0.1 to 10,000 and --load above 0 and at most 1")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


def _measure(options: argparse.Namespace, folder: Path) -> SoakFindings:
    records = template_records(INDEX_ROWS)
    encoder = ready_encoder([record.prompt for record in records[:100]])
    index = build_index(RecordList(records), folder / "index", encoder).path
    bound = str(_kept(options.minutes))
    command = real_service(index, ["--cache-capacity", bound, "--live-capacity", bound])
    with KillableService(folder, str(folder / "history.db"), command) as service:
        service.await_serving()
        return asyncio.run(_soak(options, service))


def _kept(minutes: float) -> int:
    """How many answers and reported rows the service keeps."""
    return LARGE if minutes >= LONG_MINUTES else SMALL


async def _soak(options: argparse.Namespace, service: KillableService) -> SoakFindings:
    async with AsyncLengthPredictorClient(service.target, timeout_s=60) as client:
        load = SoakLoad(client, uuid.uuid4().hex[:8])
        # The first requests after a start are slower than all later ones, and the largest
        # micro-batches, which come with a backlog, settle what memory is held from then on.
        await load.fill(BURST_CALLERS, _kept(options.minutes))
        await load.capacity(BURST_CALLERS, options.capacity_s / 4)
        capacity_per_s = await load.capacity(CAPACITY_CALLERS, options.capacity_s)
        load.counts.latencies_ms.clear()
        rate = options.load * capacity_per_s
        say(f"{capacity_per_s:.0f} requests/s at most; {rate:.0f}/s for {options.minutes:g} min")
        noting = asyncio.create_task(_note(options, service, load))
        await load.at_rate(rate, options.minutes * 60)
        noting.cancel()
        stretches = await noting
    return SoakFindings(capacity_per_s, rate, load.counts, tuple(stretches), options.minutes * 60)


async def _note(
    options: argparse.Namespace, service: KillableService, load: SoakLoad
) -> list[Stretch]:
    """Note how things are, until cancelled."""
    began_s = time.monotonic()
    every_s = max(MIN_STRETCH_S, options.minutes * 60 / STRETCHES)
    stretches: list[Stretch] = []
    while True:
        read_mib: list[float] = []
        ends_s = time.monotonic() + every_s
        try:
            while (left_s := ends_s - time.monotonic()) > 0:
                await asyncio.sleep(min(READ_EVERY_S, left_s))
                service.check_alive()
                read_mib.append(resident_mib(service.pid))
        except asyncio.CancelledError:
            return stretches
        counts = load.counts
        if not counts.latencies_ms:
            continue
        p99_ms = percentile(counts.latencies_ms, 0.99)
        counts.latencies_ms.clear()
        stretches.append(
            Stretch(
                time.monotonic() - began_s,
                median(read_mib),
                max(read_mib),
                p99_ms,
                counts.predicted,
                counts.errors,
            )
        )


if __name__ == "__main__":
    main()
