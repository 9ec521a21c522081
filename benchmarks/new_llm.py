"""An LLM of which little is known yet, among others: `python -m benchmarks.new_llm`.

The history holds several LLMs' answers to the same prompts. One of them is taken out but for a few
rows, and asked about on prompts that nobody's rows were learnt of.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import (
    ARENA,
    BY_PROMPT,
    RecordList,
    learnt_and_asked,
    read_records,
)
from index_builder.build.builder import SilentProgress, build_index
from index_builder.evaluate import evaluate_file
from index_builder.evaluation.metrics import LengthMetrics
from lengthwise.history.files import ReadOptions
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.encoder.encoder_wrapper import RememberingEncoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

SETS = {
    ARENA: BY_PROMPT,
    "zeroeval_reasoning_matrix": ReadOptions(),
}
POOLED, FEW, ALL = 0, 50, 1_000_000
KNOWN = (POOLED, FEW, 200, ALL)
"""Rows of the new LLM in the history."""

MOST_LLMS = 6
"""Of a set that are asked about: each costs a build for each number of rows."""

REMEMBERED = 20_000
"""Vectors kept between builds: more than any of the sets has prompts."""


@dataclass(frozen=True, slots=True)
class LlmResult:
    """What was said of an LLM's lengths with some of its rows in the history.

    Args:
        name: Name of the set of prompts.
        llm: Of which the history held few rows.
        known: How many of the LLM's rows the history held at most.
        metrics: How good predictions of its held-out prompts were.
    """

    name: str
    llm: str
    known: int
    metrics: LengthMetrics


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("new_llm", "An LLM of which little is known, among others.", repeats=1)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="of prompts")
    options = parsed(parser, argv)
    encoder = RememberingEncoder(load_encoder(), capacity=REMEMBERED)
    found = [told for name in options.sets for told in _of_set(name, encoder, options)]
    finish(_report(options.command, found), options.json)


def _of_set(name: str, encoder: Encoder, options: argparse.Namespace) -> list[LlmResult]:
    records = read_records(options.data, name, SETS[name])
    llms = _some({record.model for record in records})
    learnt, asked = learnt_and_asked(record for record in records if record.model in llms)
    found: list[LlmResult] = []
    for llm in llms[:1] if options.quick else llms:
        for known in KNOWN[:2] if options.quick else KNOWN:
            say(f"{name}: {llm}, {_rows(known)} rows of it")
            metrics = _told(_but_few(learnt, llm, known), asked, llm, encoder)
            found.append(LlmResult(name, llm, known, metrics))
    return found


def _rows(known: int) -> str:
    return "all" if known == ALL else str(known)


def _some(llms: set[str]) -> list[str]:
    """As many as are asked about, all over the alphabet."""
    ordered = sorted(llms)
    return ordered[:: -(-len(ordered) // MOST_LLMS)]


def _but_few(records: Sequence[HistoryRecord], llm: str, known: int) -> list[HistoryRecord]:
    """All other LLMs' rows, and a few of this one's."""
    own = [record for record in records if record.model == llm]
    random.Random(0).shuffle(own)
    return [record for record in records if record.model != llm] + own[:known]


def _told(
    learnt: Sequence[HistoryRecord], asked: Sequence[HistoryRecord], llm: str, encoder: Encoder
) -> LengthMetrics:
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        built = build_index(RecordList(learnt), Path(folder), encoder)
        index = LengthIndex.load(built.path, encoder=encoder)
        own = [record for record in asked if record.model == llm]
        evaluation = evaluate_file(index, own, SilentProgress())
    return evaluation.metrics[evaluation.predictor]


def _report(command: str, found: Sequence[LlmResult]) -> Report:
    columns = [
        Column("set", "set"),
        Column("known", "its rows"),
        Column("mae", "MAE", "{:.1f}", with_range=True),
        Column("ratio", "over pooled", "{:.2f}", with_range=True),
        Column("tau", "tau-b", "{:.3f}", with_range=True),
        Column("covered", "cov 90", "{:.1%}", with_range=True),
    ]
    title = "Told of an LLM, by how many of its rows the history holds"
    notes = [
        f"Up to {MOST_LLMS} LLMs a set; medians over them, with the least and the greatest. Frozen "
        "encoder. None of its rows: the pooled answer, that of all other LLMs together. Over "
        "pooled: MAE over that of the pooled answer, LLM by LLM.",
    ]
    rows = [
        _row(name, known, found)
        for name in dict.fromkeys(one.name for one in found)
        for known in dict.fromkeys(one.known for one in found)
    ]
    aims = [
        Aim(f"MAE with {FEW} rows over the pooled answer's, {name}", ratio, at_most=1.0)
        for name in dict.fromkeys(one.name for one in found)
        if (ratio := _ratio(name, FEW, found))
    ]
    return Report(
        "new_llm", command, [Table("new_llm", title, columns, rows, notes), aims_table(aims)], []
    )


def _row(name: str, known: int, found: Sequence[LlmResult]) -> Row:
    own = [one.metrics for one in found if (one.name, one.known) == (name, known)]
    return {
        "set": name,
        "known": _rows(known),
        "mae": Spread.from_values([one.mae for one in own]),
        "ratio": _ratio(name, known, found),
        "tau": Spread.from_values([one.kendall_tau_b or 0.0 for one in own]),
        "covered": Spread.from_values([one.coverage_90 or 0.0 for one in own]),
    }


def _ratio(name: str, known: int, found: Sequence[LlmResult]) -> Spread:
    mae = {(one.llm, one.known): one.metrics.mae for one in found if one.name == name}
    llms = [llm for llm, rows in mae if rows == known]
    return ratio_spread([mae[llm, known] for llm in llms], [mae[llm, POOLED] for llm in llms])


if __name__ == "__main__":
    main()
