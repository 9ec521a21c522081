"""Whether what was acknowledged survives kill -9, and how fast it is acknowledged.

`python -m benchmarks.durability --database sqlite --kills 20 --reports 100000 --json OUT`
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.durability_check import Verdict, count_ids
from benchmarks.durability_kills import KillRun, Plan, run_kills
from benchmarks.durability_rate import Rate, measure_rate
from benchmarks.durability_service import KillableService, real_service
from benchmarks.durability_tables import durability_report
from benchmarks.options import recorded_command
from benchmarks.private_postgres import private_postgres
from benchmarks.raw_encoder import ready_encoder
from benchmarks.report import finish
from benchmarks.say import say
from benchmarks.template_workload import template_records
from benchmarks.workloads import RecordList
from index_builder.build.builder import build_index

INDEX_ROWS = 1_000
MESSAGE_SIZES = (1, 64, 4_096)
"""Completions in a report."""
CALLERS = {1: 64, 64: 16, 4_096: 4}
"""Reports in flight, by their size."""
OF_SMALL_REPORTS = 0.1
"""Share of the completions that is reported one by one, which takes longer."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _options(argv)
    with TemporaryDirectory(prefix="lengthwise-durability-") as name:
        folder = Path(name)
        with _database(options.database, folder) as place:
            found = _measure(options, folder, place)
    finish(durability_report(options, found.killed, found.rates), options.json, _summary(found))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.durability", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--database",
        default="sqlite",
        help="sqlite, postgresql (a server of its own, gone afterwards) or a URL",
    )
    parser.add_argument("--kills", type=int, default=20, help="0: the rate alone")
    parser.add_argument("--reports", type=int, default=100_000, help="completions reported")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--live-capacity", type=int, help="of the service; 0: it does not learn")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if options.reports < 1_000 or options.kills < 0:
        parser.error("expected --reports of at least 1000 and --kills of at least 0")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    if "@" in options.database:
        options.command = options.command.replace(options.database, "URL")
    return options


@contextmanager
def _database(name: str, folder: Path) -> Generator[str]:
    if name == "sqlite":
        yield str(folder / "history.db")
    elif name == "postgresql":
        with private_postgres() as url:
            yield url
    else:
        yield name


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was measured.

    Args:
        killed: With kills; None without.
        rates: Without kills.
        rate_rows: What is in the database of the completions acknowledged for the rates.
    """

    killed: KillRun | None
    rates: list[Rate]
    rate_rows: int


def _measure(options: argparse.Namespace, folder: Path, place: str) -> Found:
    say("building a small index")
    records = template_records(INDEX_ROWS)
    encoder = ready_encoder([record.prompt for record in records[:100]])
    index = build_index(RecordList(records), folder / "index", encoder).path
    further: list[str] = []
    if options.live_capacity is not None:
        further = ["--live-capacity", str(options.live_capacity)]
    run = uuid.uuid4().hex[:8]
    with KillableService(folder, place, real_service(index, further)) as service:
        killed = None
        if options.kills:
            say(f"{options.reports:,} completions reported, {options.kills} kills meanwhile")
            plan = Plan(options.kills, options.reports, seed=options.seed)
            killed = run_kills(service, place, f"{run}k", plan)
        service.await_serving()
        rates = [_rate(options, service, run, size) for size in MESSAGE_SIZES]
    return Found(killed, rates, count_ids(place, f"{run}r"))


def _rate(options: argparse.Namespace, service: KillableService, run: str, size: int) -> Rate:
    say(f"the rate with {size:,} in a report")
    count = int(options.reports * (OF_SMALL_REPORTS if size == 1 else 1))
    return asyncio.run(
        measure_rate(
            service.target,
            service.pid,
            f"{run}r{size}",
            count,
            per_message=size,
            callers=CALLERS[size],
        )
    )


def _summary(found: Found) -> dict[str, Any]:
    """The figures at a glance: those of the kills, or without kills those of the rates."""
    reports_per_s = round(max(rate.per_s for rate in found.rates))
    if found.killed is None:
        acknowledged = sum(rate.completions for rate in found.rates)
        lost = acknowledged - found.rate_rows
        # The database refuses a second row of one id, and each was acknowledged as new.
        verdict = Verdict(acknowledged, lost, duplicated=0, altered=0, missed_by_reader=0)
        return {"kills": 0, "reports_per_s": reports_per_s, **asdict(verdict)}
    receipts = found.killed.receipts
    return {
        "kills": found.killed.kills,
        "reports_per_s": reports_per_s,
        **asdict(found.killed.verdict),
        "failed_calls": receipts.failed_calls,
        "acknowledged_as_duplicates": receipts.duplicates,
    }


if __name__ == "__main__":
    main()
