"""What a first tier answers, costs and saves: `python -m benchmarks.cascade --index DIR`.

The trained index learnt four fifths of the Vicuna set; the first tier learnt from it, on the same
rows and on another history's prompts. What is asked about, the other fifth, neither has seen, nor
was any threshold chosen by it. All indexes answer the same prompts in turns, in this process.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cascade.indexes import build_tiered, student_of
from benchmarks.cascade.tables import Tiered, loss_table, repeats_table, tier_aims, tier_table
from benchmarks.cascade.timing import repeat_us, seconds
from benchmarks.distillation.workload import StudentWorkload
from benchmarks.harness.aims import aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from index_builder.build.builder import SilentProgress
from index_builder.evaluate import evaluate_file
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.folder_store import resolve_artifact

LOSSES = (0.0, 0.0025, 0.005, 0.01, 0.015)
"""Allowed, in tau-b. With the last, and what a student of two layers loses itself, it is 0.02."""

QUICK_ROWS = 600
"""Rows learnt and asked with --quick."""

TIMED_PROMPTS = 1_024
"""Of those asked about, in each round."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that the tables are made of.

    Args:
        beside: The trained index alone, or that of the full encoder, with which all are compared.
        others: The trained index alone where it is not that, and with a first tier for each
            allowed loss.
        repeats_us: To tell a repeat, by its text and by a search.
    """

    beside: Tiered
    others: list[Tiered]
    repeats_us: tuple[float, float]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("cascade", "What a first tier answers, costs and saves.", repeats=5)
    parser.add_argument(
        "--index",
        type=Path,
        required=True,
        help="store of a trained index, as `benchmarks.training --only vicuna --keep` leaves it",
    )
    parser.add_argument(
        "--full",
        type=Path,
        help="store of the full encoder's index to compare with, where --index holds a student of "
        "it; both as `benchmarks.distillation --keep` leaves them",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder in which the first tier is kept and found again, with a store for each loss",
    )
    options = parsed(parser, argv)
    workload = StudentWorkload.from_sets(options.data)
    if options.quick:
        workload = workload.first(QUICK_ROWS)
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        found = _measure(options, workload, Path(name))
    finish(_report(options, found), options.json)


def _measure(options: argparse.Namespace, workload: StudentWorkload, folder: Path) -> Measured:
    keep = options.keep or folder
    student = student_of(options.index, workload, keep)
    built = build_tiered(options.index, student, workload, LOSSES, keep)
    indexes = {loss: LengthIndex.load(result.path) for loss, result in built.items()}
    without = LengthIndex.load(built[LOSSES[-1]].path, cascade=False)
    measured = [Tiered(None, without, evaluate_file(without, workload.asked, SilentProgress()))]
    if options.full is not None:
        full = LengthIndex.load(resolve_artifact(options.full))
        found = evaluate_file(full, workload.asked, SilentProgress())
        measured.insert(0, Tiered(None, full, found, is_full=True))
    for loss, index in indexes.items():
        say(f"asking, with an allowed loss of {loss:g}")
        found = evaluate_file(index, workload.asked, SilentProgress())
        measured.append(Tiered(loss, index, found))
    queries = [Query(r.prompt, r.model, neighbour_count=0) for r in workload.asked]
    for one in measured:
        seconds(one.index, queries[:256])
    for number in range(options.repeats):
        say(f"round {number + 1} of {options.repeats}")
        for one in measured[:: -1 if number % 2 else 1]:
            one.timed.add_round(one.index, queries[:TIMED_PROMPTS])
    return Measured(measured[0], measured[1:], repeat_us(without, queries))


def _report(options: argparse.Namespace, found: Measured) -> Report:
    tables = [
        loss_table(found.beside, found.others),
        tier_table([one for one in found.others if one.allowed is not None]),
        repeats_table(*found.repeats_us),
        aims_table(tier_aims(found.beside, found.others)),
    ]
    notes = [
        f"{options.repeats} rounds in turns; ratios round by round, through LengthIndex.predict, "
        "without neighbours and without a service.",
        "Stated: what the build says of the share and of the loss, by the rows that it held out.",
    ]
    return Report("cascade", options.command, tables, notes)


if __name__ == "__main__":
    main()
