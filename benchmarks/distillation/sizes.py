"""Indexes of the Vicuna set, one for each size of the encoder, trained or taken up again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.report import say
from benchmarks.harness.workloads import DAVINCI, VICUNA, RecordList, learnt_and_asked, read_records
from benchmarks.training.before import build_trained
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation.distil import normalised
from index_builder.distillation.student_choice import StudentOptions
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.folder_store import FolderStore

FULL = "full"

SIZES = {FULL: None, "3 layers": 3, "2 layers": 2, "static": 0}
"""Name of each size, and the layers that a student of it has."""


class PassesSaid(SilentTraining):
    """Says how good each pass was: a training of many minutes is watched."""

    def validated(self, kendall_tau_b: float) -> None:
        """A pass over all prompts is done."""
        say(f"  validation tau-b {kendall_tau_b:.4f}")


@dataclass(frozen=True, slots=True)
class Workload:
    """What is learnt and asked.

    Args:
        learnt: Rows to train on and to index.
        asked: Rows asked about, none of whose prompts is learnt, with a length or without.
        unlabelled: Prompts of another history, without those of `asked`.
    """

    learnt: Sequence[HistoryRecord]
    asked: Sequence[HistoryRecord]
    unlabelled: Sequence[str]

    @classmethod
    def from_sets(cls, data: Path) -> "Workload":
        """The Vicuna set as `benchmarks.training` splits it, and davinci's prompts besides.

        Those under test are left out twice over, by their text (whatever its case and spaces) and
        by their id, which both sets share; training leaves the validation rows' out by itself.
        """
        learnt, asked = learnt_and_asked(read_records(data, VICUNA))
        texts, ids = {normalised(r.prompt) for r in asked}, {r.id for r in asked}
        return cls(
            learnt,
            asked,
            [
                record.prompt
                for record in read_records(data, DAVINCI)
                if record.id not in ids and normalised(record.prompt) not in texts
            ],
        )

    def first(self, rows: int) -> "Workload":
        """A smaller one."""
        return Workload(self.learnt[:rows], self.asked[:rows], self.unlabelled[:rows])


def build_sizes(
    workload: Workload, names: Sequence[str], keep: Path, options: TrainOptions
) -> dict[str, tuple[Path, float | None]]:
    """An index of each size, those found in a folder taken as they are.

    Args:
        workload: What they learn and index.
        names: Which of `SIZES`; the full one is always made, since the others learn from it.
        keep: Folder of one store for each.
        options: Of the training of the full one.

    Returns:
        By name, its folder and the seconds that it took; None if it was there.
    """
    learnt = RecordList(workload.learnt)
    found: dict[str, tuple[Path, float | None]] = {}
    for name in dict.fromkeys([FULL, *names]):
        store = FolderStore(keep / name.replace(" ", "-"))
        current, layers = store.current(), SIZES[name]
        say(f"{name}: {'found' if current else 'training'}")
        if current is not None:
            found[name] = store.path_of(current), None
        elif layers is None:
            built, seconds = build_trained(learnt, [], store.root, options)
            found[name] = built.path, seconds
        else:
            began_s = time.perf_counter()
            built = train_and_build(
                learnt,
                store.root,
                DEFAULT_ENCODER,
                train_options=options,
                student=StudentOptions(layers=layers),
                unlabelled=workload.unlabelled,
                teacher=found[FULL][0],
                training_progress=PassesSaid(),
            )
            found[name] = built.path, time.perf_counter() - began_s
    return found
