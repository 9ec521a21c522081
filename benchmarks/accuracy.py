"""How well lengths are predicted, on real sets: `python -m benchmarks.accuracy`."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.accuracy_tables import across_table, draws_table, within_table
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.workloads import (
    ARENA,
    BY_CONVERSATION,
    BY_PROMPT,
    CHATDOCTOR,
    DAVINCI,
    SHAREGPT,
    VICUNA,
    RecordList,
    data_file,
    read_records,
)
from index_builder.build.builder import SilentProgress, build_index
from index_builder.evaluate import evaluate_file, evaluate_split
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

HOLDOUT = 0.2
"""Share of each set's rows (or groups) that is asked about and not learnt."""

QUICK_ROWS = 1_500
"""Rows read of each set with --quick."""


@dataclass(frozen=True, slots=True)
class Within:
    """A set that is split.

    Args:
        name: Name of the set's file, without its ending.
        how: How rows are kept apart, for the table ("by prompt").
        options: How the file is read: what makes rows one group.
    """

    name: str
    how: str
    options: ReadOptions


@dataclass(frozen=True, slots=True)
class Across:
    """An index built from one set and asked about another; shared prompts are not learnt."""

    learnt: str
    asked: str


WITHIN = (
    Within(VICUNA, "by prompt", ReadOptions()),
    Within(DAVINCI, "by prompt", ReadOptions()),
    Within(SHAREGPT, "by conversation", BY_CONVERSATION),
    Within(ARENA, "by prompt, 6 LLMs", BY_PROMPT),
)
ACROSS = (
    Across(VICUNA, CHATDOCTOR),
    Across(VICUNA, "arena_hard"),
    Across(VICUNA, "gpteacher_gpt4"),
    Across(DAVINCI, VICUNA),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation, and what it is of."""

    name: str
    how: str
    evaluation: Evaluation


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("accuracy", "How well lengths are predicted.", repeats=1)
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the fitting")
    options = parsed(parser, argv)
    encoder = load_encoder()
    within = [_within(one, encoder, options) for one in (WITHIN[::2] if options.quick else WITHIN)]
    across = _across_all(ACROSS[:1] if options.quick else ACROSS, encoder, options)
    finish(_report(options.command, encoder, within, across), options.json)


def _within(one: Within, encoder: Encoder, options: argparse.Namespace) -> Result:
    say(f"{one.name}, split")
    history = History.from_paths(data_file(options.data, one.name), one.options)
    evaluation = evaluate_split(history, encoder, HOLDOUT, options.seed, SilentProgress())
    return Result(one.name, one.how, evaluation)


def _across_all(
    wanted: Sequence[Across], encoder: Encoder, options: argparse.Namespace
) -> list[Result]:
    found: list[Result] = []
    for one in wanted:
        say(f"{one.learnt}, asked about {one.asked}")
        limit = QUICK_ROWS if options.quick else None
        asked = read_records(options.data, one.asked)[:limit]
        learnt = _without(read_records(options.data, one.learnt)[:limit], asked)
        with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
            built = build_index(RecordList(learnt), Path(folder), encoder)
            index = LengthIndex.load(built.path, encoder=encoder)
            evaluation = evaluate_file(index, asked, SilentProgress())
        how = f"{one.learnt} ({len(learnt):,})"
        found.append(Result(one.asked, how, evaluation))
    return found


def _without(
    records: Iterable[HistoryRecord], others: Iterable[HistoryRecord]
) -> list[HistoryRecord]:
    """The records whose prompts the others do not share."""
    shared = {record.prompt for record in others}
    return [record for record in records if record.prompt not in shared]


def _report(
    command: str, encoder: Encoder, within: Sequence[Result], across: Sequence[Result]
) -> Report:
    vicuna = within[0].evaluation
    served = vicuna.metrics[vicuna.predictor]
    coverage = served.coverage_90 or 0.0
    aims = [
        Aim("tau-b, Vicuna set", served.kendall_tau_b or 0.0, at_least=0.44, form="{:.3f}"),
        Aim("MAE, Vicuna set", served.mae, at_most=66, form="{:.1f} tokens"),
        Aim("coverage of 90 % intervals, Vicuna set", coverage, at_least=0.88, form="{:.1%}"),
        Aim("the same, not too wide", coverage, at_most=0.92, form="{:.1%}"),
    ]
    notes = [
        f"Frozen encoder ({encoder.runtime}), lengths in tokens. Split: built from four fifths of "
        "a set, asked about the rest.",
        "≤50: share of rows within 50 tokens. Cov 90: share inside the stated 90 % interval, of "
        'mean width "width 90". Confidence: the stated probability of being within a factor of '
        "two, on average, beside the share that was (in ×2).",
    ]
    split = [(one.name, one.how, one.evaluation) for one in within]
    tables = [
        *within_table(split),
        *across_table([(one.name, one.how, one.evaluation) for one in across]),
        *draws_table(split),
        aims_table(aims),
    ]
    return Report("accuracy", command, tables, notes)


if __name__ == "__main__":
    main()
