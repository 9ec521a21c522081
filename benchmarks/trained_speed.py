"""Whether a trained index answers as fast as a frozen one: `python -m benchmarks.trained_speed`.

Both hold the same rows and are asked the same prompts in turns, in this process: encoding, search
and estimate together, the trained head with them.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.aims import Aim, aims_table
from benchmarks.options import base_parser, parsed
from benchmarks.report import Report, finish
from benchmarks.say import say
from benchmarks.spread import Spread, percentile, ratio_spread
from benchmarks.table import Column, Row, Table
from benchmarks.workloads import VICUNA, RecordList, learnt_and_asked, read_records
from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex

BATCH = 32
SINGLE = 100
FROZEN, TRAINED = "frozen", "trained"


@dataclass(frozen=True, slots=True)
class Timed:
    """What the rounds gave for one index.

    Args:
        rates: Prompts per second in micro-batches of BATCH.
        p50_ms: Median time of a prompt alone.
    """

    rates: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])

    def add_round(self, index: LengthIndex, queries: Sequence[Query]) -> None:
        """Measure once more."""
        batches = [queries[i : i + BATCH] for i in range(0, len(queries), BATCH)]
        self.rates.append(len(queries) / sum(_seconds(index, batch) for batch in batches))
        alone = [1_000 * _seconds(index, [query]) for query in queries[:SINGLE]]
        self.p50_ms.append(percentile(alone, 0.5))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("trained_speed", "Whether a trained index answers as fast.", repeats=7)
    parser.add_argument(
        "--index",
        type=Path,
        required=True,
        help="store of a trained index, as `benchmarks.training --only vicuna --keep` leaves it",
    )
    options = parsed(parser, argv)
    learnt, asked = learnt_and_asked(read_records(options.data, VICUNA))
    queries = [Query(r.prompt, r.model) for r in asked]
    timed = {FROZEN: Timed(), TRAINED: Timed()}
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        say("building the frozen one")
        built = build_index(RecordList(learnt), Path(folder), load_encoder())
        indexes = {
            FROZEN: LengthIndex.load(built.path),
            TRAINED: LengthIndex.load(options.index),
        }
        for index in indexes.values():
            _seconds(index, queries[:256])
        for number in range(options.repeats):
            say(f"round {number + 1} of {options.repeats}")
            for name in list(indexes)[:: -1 if number % 2 else 1]:
                timed[name].add_round(indexes[name], queries[: 256 if options.quick else 1_024])
    finish(_report(options, timed), options.json)


def _seconds(index: LengthIndex, queries: Sequence[Query]) -> float:
    began_s = time.perf_counter()
    vectors = index.encode([query.prompt for query in queries])
    index.estimate(index.search(vectors, queries), queries)
    return time.perf_counter() - began_s


def _report(options: argparse.Namespace, timed: dict[str, Timed]) -> Report:
    frozen, trained = timed[FROZEN], timed[TRAINED]
    rate = ratio_spread(trained.rates, frozen.rates)
    p50 = ratio_spread(trained.p50_ms, frozen.p50_ms)
    columns = [
        Column("what", "measured"),
        Column(FROZEN, FROZEN, "{:,.1f}"),
        Column(TRAINED, TRAINED, "{:,.1f}"),
        Column("ratio", "trained over frozen", "{:.2f}", with_range=True),
    ]
    rows: list[Row] = [
        _row(f"prompts/s, micro-batches of {BATCH}", frozen.rates, trained.rates, rate),
        _row("ms for a prompt alone, median", frozen.p50_ms, trained.p50_ms, p50),
    ]
    aims = [
        Aim("prompts/s of the frozen one's", rate, at_least=0.95),
        Aim("ms for a prompt alone of the frozen one's", p50, at_most=1.1),
    ]
    notes = [f"{options.repeats} rounds in turns; ratios round by round, without a service."]
    title = "A trained index beside a frozen one"
    tables = [Table("trained_speed", title, columns, rows), aims_table(aims)]
    return Report("trained_speed", options.command, tables, notes)


def _row(what: str, frozen: list[float], trained: list[float], ratio: Spread) -> Row:
    return {"what": what, FROZEN: Spread.of(frozen), TRAINED: Spread.of(trained), "ratio": ratio}


if __name__ == "__main__":
    main()
