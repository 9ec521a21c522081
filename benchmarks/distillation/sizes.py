"""Indexes of the Vicuna set, one for each size of the encoder, trained or taken up again."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.distillation.workload import StudentWorkload
from benchmarks.harness.report import say
from benchmarks.harness.workloads import RecordList
from benchmarks.training.before import build_trained
from index_builder.build.train_and_build import train_and_build
from index_builder.distillation.student_choice import StudentOptions
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.store.folder_store import FolderStore, resolve_artifact

FULL = "full"

SIZES = {
    FULL: None,
    "3 layers": StudentOptions(layers=3),
    "2 layers": StudentOptions(layers=2),
    "2 pooled": StudentOptions(layers=2, pooling_layer=True),
    "2 narrow": StudentOptions(layers=2, pooling_layer=True, feed_forward=384),
    "static": StudentOptions(layers=0),
}
"""Name of each size, and the student that it is. The second layer of the pooled one computes one
state for each prompt; so it does in the narrow one, the feed-forward part of whose first is a
quarter as wide."""


class PassesSaid(SilentTraining):
    """Says how good each pass was: a training of many minutes is watched."""

    def validated(self, kendall_tau_b: float) -> None:
        """A pass over all prompts is done."""
        say(f"  validation tau-b {kendall_tau_b:.4f}")


def build_sizes(
    workload: StudentWorkload,
    names: Sequence[str],
    keep: Path,
    options: TrainOptions,
    second_teacher: Path | None = None,
) -> dict[str, tuple[Path, float | None]]:
    """An index of each size, those found in a folder taken as they are.

    Args:
        workload: What they learn and index.
        names: Which of `SIZES`; the full one is always made, since the others learn from it.
        keep: Folder of one store for each.
        options: Of the training of the full one.
        second_teacher: Another index trained on the same rows, from which students learn as well.

    Returns:
        By name, its folder and the seconds that it took; None if it was there.
    """
    learnt = RecordList(workload.learnt)
    second = () if second_teacher is None else (resolve_artifact(second_teacher),)
    found: dict[str, tuple[Path, float | None]] = {}
    for name in dict.fromkeys([FULL, *names]):
        store = FolderStore(keep / name.replace(" ", "-"))
        current, student = store.current(), SIZES[name]
        say(f"{name}: {'found' if current else 'training'}")
        if current is not None:
            found[name] = store.path_of(current), None
        elif student is None:
            built, seconds = build_trained(learnt, [], store.root, options)
            found[name] = built.path, seconds
        else:
            began_s = time.perf_counter()
            built = train_and_build(
                learnt,
                store.root,
                DEFAULT_ENCODER,
                train_options=options,
                student=student,
                unlabelled=workload.unlabelled,
                teachers=[found[FULL][0], *second],
                training_progress=PassesSaid(),
            )
            found[name] = built.path, time.perf_counter() - began_s
    return found
