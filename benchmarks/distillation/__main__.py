"""What smaller encoders cost and save: `python -m benchmarks.distillation`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distillation.sizes import FULL, SIZES, build_sizes
from benchmarks.distillation.tables import SizeFound, accuracy_table, distillation_aims, speed_table
from benchmarks.distillation.timed import memory_mib, timed_in_turns
from benchmarks.distillation.workload import StudentWorkload
from benchmarks.harness.aims import aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from index_builder.build.builder import SilentProgress
from index_builder.evaluate import evaluate_file
from index_builder.training.options import TrainOptions
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex

QUICK_ROWS = 600
"""Rows learnt, asked and without length with --quick."""

TIMED_QUERIES = 1_024
"""Prompts in a round."""

MEMORY_PROMPTS = 256
"""Prompts that are predicted before memory is looked at."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("distillation", "What smaller encoders cost and save.", repeats=5)
    parser.add_argument("--only", nargs="+", choices=list(SIZES), default=list(SIZES), help="sizes")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder in which the indexes are kept, one store for each size; those found there are "
        "taken as they are",
    )
    parser.add_argument(
        "--second-teacher",
        type=Path,
        help="another index trained on the same rows, from which students learn as well, such as "
        "one that benchmarks.general_start keeps",
    )
    options = parsed(parser, argv)
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        found = _measured(options, Path(folder) if options.keep is None else options.keep)
    finish(_report(options.command, found), options.json)


def _measured(options: argparse.Namespace, keep: Path) -> list[SizeFound]:
    workload = StudentWorkload.from_sets(options.data)
    if options.quick:
        workload = workload.first(QUICK_ROWS)
    epochs = 1 if options.quick else TrainOptions().epochs
    training = TrainOptions(seed=options.seed, epochs=epochs)
    built = build_sizes(workload, options.only, keep, training, options.second_teacher)
    indexes = {name: LengthIndex.load(path) for name, (path, _) in built.items()}
    queries = [Query(record.prompt, record.model) for record in workload.asked]
    timed = timed_in_turns(indexes, queries[:TIMED_QUERIES], options.repeats)
    found: list[SizeFound] = []
    for name, (path, seconds) in built.items():
        say(f"{name}: accuracy and memory")
        found.append(
            SizeFound(
                name=name,
                evaluation=evaluate_file(indexes[name], workload.asked, SilentProgress()),
                timed=timed[name],
                memory_mib=memory_mib(path, [query.prompt for query in queries[:MEMORY_PROMPTS]]),
                artifact_bytes=sum(f["bytes"] for f in indexes[name].manifest.files.values()),
                unlabelled=_unlabelled(indexes[name]),
                build_s=seconds,
            )
        )
    return found


def _unlabelled(index: LengthIndex) -> int | None:
    facts = index.manifest.training
    student = None if facts is None else facts.student
    return None if student is None else student.unlabelled_rows


def _report(command: str, found: Sequence[SizeFound]) -> Report:
    tables = [accuracy_table(found), speed_table(found), aims_table(distillation_aims(found))]
    notes = [
        "Four fifths of the Vicuna set are learnt from and indexed, the rest is asked about, as in "
        "benchmarks.training. Students learn from the full encoder: what it says of those rows and "
        "of text-davinci-003's prompts without those asked about; with --second-teacher the mean "
        "of what both say.",
        "Rates are taken in turns, round by round, in this process, without a service; ratios are "
        f"to the {FULL} encoder in the same round.",
    ]
    return Report("distillation", command, tables, notes)


if __name__ == "__main__":
    main()
