"""A simulated day on which an LLM's answers get longer: with the closed loop, and without.

`python -m benchmarks.drift --history ../shared/data/alpaca_vicuna7b_train.jsonl.gz --json OUT`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.drift.day import Day, SimulatedDay
from benchmarks.drift.tables import Recovery, drift_report
from benchmarks.harness.options import DATA, recorded_command
from benchmarks.harness.report import finish, say
from benchmarks.harness.workloads import VICUNA
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate and report."""
    options = _options(argv)
    day = Day.from_records(
        list(History.from_paths(options.history)),
        indexed=options.indexed,
        hours=options.hours,
        per_hour=options.rows,
        factor=options.factor,
        seed=options.seed,
    )
    with TemporaryDirectory(prefix="lengthwise-drift-") as folder:
        simulated = SimulatedDay(
            day, Path(folder), encoder=options.encoder, rebuild_every=options.rebuild_every
        )
        hours = simulated.live(say)
    recovery = Recovery.from_hours(hours, day.changes_at)
    finish(drift_report(options.command, hours, recovery), options.json, recovery.to_dict())


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--history",
        type=Path,
        default=DATA / f"{VICUNA}.jsonl.gz",
        help="prompts and lengths: JSON lines, CSV or Parquet",
    )
    parser.add_argument("--hours", type=int, default=24, help="simulated; the change is half way")
    parser.add_argument("--rows", type=int, default=200, help="prompts in an hour")
    parser.add_argument("--indexed", type=int, default=4_000, help="rows of the first version")
    parser.add_argument("--rebuild-every", type=int, default=3, help="hours")
    parser.add_argument("--factor", type=float, default=1.5, help="how much longer answers get")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="name or folder")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of prompts")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if not 1 <= options.rebuild_every <= options.hours // 2 - 1:
        parser.error("expected --rebuild-every of at least 1 and less than half of --hours, less 1")
    if options.rows < 20 or options.indexed < 100:
        parser.error("expected --rows of at least 20 and --indexed of at least 100")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


if __name__ == "__main__":
    main()
