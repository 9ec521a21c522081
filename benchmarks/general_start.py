"""What a training gains that starts from one of other LLMs: `python -m benchmarks.general_start`.

One index is trained on the histories of several LLMs, no prompt under test among them. New
histories of several sizes, of another LLM, are then trained on from the plain encoder and from that
index, and asked about the same held-out prompts.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.accuracy_tables import INTERVAL_COLUMNS, POINT_COLUMNS
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import (
    ARENA,
    BY_CONVERSATION,
    BY_PROMPT,
    DAVINCI,
    SHAREGPT,
    VICUNA,
    RecordList,
    learnt_and_asked,
    read_records,
)
from benchmarks.training.before import build_trained
from index_builder.build.builder import SilentProgress
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation.distil import normalised
from index_builder.evaluate import evaluate_file
from index_builder.evaluation.evaluation import CONSTANT, Evaluation
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.folder_store import FolderStore

GENERAL = {
    DAVINCI: None,
    "gpteacher_gpt4": None,
    "halueval_chatgpt": None,
    ARENA: BY_PROMPT,
    "zeroeval_reasoning_matrix": None,
}
"""Sets that the general index learns from, and how they are read."""

MOST_OF_A_SET = {DAVINCI: 30_000, "zeroeval_reasoning_matrix": 8_000}
"""Rows at most, by chance, so that a pass takes minutes; the second has 133,498 of 3,352 prompts,
which would outweigh all others."""

GENERAL_TRAINING = TrainOptions(epochs=1, batch_size=128, encoder_lr=1.2e-4, dropout=False)
"""One pass over some 50,000 rows, in larger steps than a small history needs."""

SIZES = (500, 2_000, 8_000)
"""Rows of a new history, at most."""

QUICK_ROWS = 400
"""Of each set with --quick, and passes are one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A new history of some size.

    Args:
        name: Of its set.
        learnt: Rows to train on and to index.
        asked: Rows asked about.
    """

    name: str
    learnt: Sequence[HistoryRecord]
    asked: Sequence[HistoryRecord]


@dataclass(frozen=True, slots=True)
class Told:
    """How a history was predicted.

    Args:
        setting: The history.
        start: What its training started from.
        evaluation: Of the rows asked about.
    """

    setting: Setting
    start: str
    evaluation: Evaluation

    def to_row(self) -> Row:
        """As the table has it."""
        metrics = self.evaluation.metrics[self.evaluation.predictor]
        constant = self.evaluation.metrics[CONSTANT].mae
        known = {"set": self.setting.name, "learnt": len(self.setting.learnt), "start": self.start}
        return {**metrics.to_dict(), **known, "of_constant": metrics.mae / constant}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("general_start", "Trainings that start from one before.", repeats=1)
    parser.add_argument(
        "--keep", type=Path, help="folder of trained indexes; those found there are not trained"
    )
    options = parsed(parser, argv)
    settings = _settings(options)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        kept: Path = options.keep or Path(name)
        general, rows = _general(options, settings, kept / "general")
        found = [
            _told(setting, start, base, kept, quick=options.quick)
            for setting in settings
            for start, base in (("plain", DEFAULT_ENCODER), ("general", str(general)))
        ]
    finish(_report(options.command, found, rows), options.json)


def _settings(options: argparse.Namespace) -> list[Setting]:
    found: list[Setting] = []
    for name, reading in ((VICUNA, None), (SHAREGPT, BY_CONVERSATION)):
        learnt, asked = learnt_and_asked(read_records(options.data, name, reading))
        if options.quick:
            found.append(Setting(name, learnt[:QUICK_ROWS], asked[:QUICK_ROWS]))
            continue
        sizes = SIZES if name == VICUNA else SIZES[-1:]
        found += [Setting(name, learnt[:size], asked) for size in sizes]
    return found


def _general(
    options: argparse.Namespace, settings: Sequence[Setting], out: Path
) -> tuple[Path, int]:
    """The store of the general index, and the rows that it holds; trained if it is not there."""
    store = FolderStore(out)
    if store.current() is None:
        tested = {normalised(r.prompt) for setting in settings for r in setting.asked}
        rows: list[HistoryRecord] = []
        for name, reading in GENERAL.items():
            records = read_records(options.data, name, reading)
            records = [r for r in records if normalised(r.prompt) not in tested]
            random.Random(0).shuffle(records)
            rows += records[: QUICK_ROWS if options.quick else MOST_OF_A_SET.get(name)]
        say(f"training the general index on {len(rows):,} rows")
        train_and_build(RecordList(rows), out, DEFAULT_ENCODER, train_options=GENERAL_TRAINING)
    return out, LengthIndex.load(out).manifest.rows


def _told(setting: Setting, start: str, base: str, kept: Path, *, quick: bool) -> Told:
    say(f"{setting.name}, {len(setting.learnt):,} rows, from the {start} start")
    out = kept / f"{setting.name}-{len(setting.learnt)}-{start}"
    training = TrainOptions(epochs=1) if quick else TrainOptions()
    built, _ = build_trained(RecordList(setting.learnt), [], out, training, base=base)
    evaluation = evaluate_file(LengthIndex.load(built.path), setting.asked, SilentProgress())
    return Told(setting, start, evaluation)


def _report(command: str, found: Sequence[Told], rows: int) -> Report:
    columns = [
        Column("set", "set"),
        Column("learnt", "its rows", "{:,}"),
        Column("start", "starts from"),
        *(c for c in POINT_COLUMNS if c.key in ("kendall_tau_b", "mae")),
        Column("of_constant", "of constant's", "{:.2f}"),
        *(c for c in INTERVAL_COLUMNS if c.key in ("coverage_90", "width_90")),
    ]
    title = "New histories, trained from the plain encoder and from a general index"
    notes = [
        f"The general index was trained on {rows:,} rows of other LLMs ({', '.join(GENERAL)}), "
        "none of whose prompts is asked about. The same fifth of a set is asked about at all "
        "sizes; ShareGPT by conversation. Plain: the default encoder as it is shipped. Of "
        "constant's: MAE over that of the history's median for every prompt.",
    ]
    table = Table("general_start", title, columns, [told.to_row() for told in found], notes)
    return Report("general_start", command, [table, aims_table(_aims(found))])


def _aims(found: Sequence[Told]) -> list[Aim]:
    largest = {told.setting.name: told for told in found}  # sizes ascend, the general start is last
    aims: list[Aim] = []
    for name, told in largest.items():
        metrics = told.evaluation.metrics[told.evaluation.predictor]
        covered = metrics.coverage_90 or 0.0
        if name == VICUNA:
            tau_b = metrics.kendall_tau_b or 0.0
            aims += [
                Aim(f"tau-b, {name}", tau_b, at_least=0.635, form="{:.3f}"),
                Aim(f"MAE, {name}", metrics.mae, at_most=45, form="{:.1f} tokens"),
            ]
        else:
            share = metrics.mae / told.evaluation.metrics[CONSTANT].mae
            aims.append(Aim(f"MAE over a constant's, {name}", share, at_most=0.95, form="{:.2f}"))
        aims += [
            Aim(f"coverage of 90 % intervals, {name}", covered, at_least=0.89, form="{:.1%}"),
            Aim("the same, not too wide", covered, at_most=0.91, form="{:.1%}"),
        ]
    return aims


if __name__ == "__main__":
    main()
