"""One trained index, and beside it the same with a first tier for each allowed loss."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distillation.workload import StudentWorkload
from benchmarks.harness.report import say
from benchmarks.harness.workloads import RecordList
from index_builder.build.builder import BuildOptions, BuildResult, TrainedEncoder, build_index
from index_builder.distillation.first_tier import train_first_tier
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.encoder.encoder_wrapper import KnownVectors
from lengthwise.index.store.folder_store import resolve_artifact
from lengthwise.index.store.layout import (
    ENCODER_FOLDER,
    FIRST_TIER_FOLDER,
    HEAD_FILE,
    ArtifactLayout,
    read_manifest,
)


def student_of(index: Path, workload: StudentWorkload, keep: Path) -> Path:
    """A first tier's encoder and head, taught by a trained index; what is kept is taken as it is.

    Args:
        index: Store or artifact of the trained index, built of the workload's learnt rows.
        workload: What it learnt, and the prompts without a length.
        keep: Folder of students.

    Returns:
        The student's folder.
    """
    artifact = ArtifactLayout(resolve_artifact(index))
    facts = read_manifest(artifact).training
    if facts is None:
        raise ValueError(f"{index} was not trained: expected a trained index")
    folder = keep / FIRST_TIER_FOLDER
    if not (folder / HEAD_FILE).is_file():
        say(f"teaching a first tier on {len(workload.unlabelled):,} prompts besides the history's")
        train_first_tier(
            artifact.root,
            facts,
            RecordList(workload.learnt),
            TrainOptions(seed=facts.seed),
            out=folder,
            unlabelled=workload.unlabelled,
            device="cpu",
            checkpoints=keep / "checkpoints",
            progress=SilentTraining(),
        )
    return folder


def build_tiered(
    index: Path, student: Path, workload: StudentWorkload, losses: Sequence[float], out: Path
) -> dict[float, BuildResult]:
    """The trained index built again with a first tier, for each allowed loss.

    Args:
        index: Store or artifact of the trained index.
        student: Folder of the first tier's encoder and head.
        workload: Its learnt rows are indexed.
        losses: In tau-b.
        out: Folder of one store for each.
    """
    before = ArtifactLayout(resolve_artifact(index))
    facts = read_manifest(before).training
    assert facts is not None, "it was trained"  # noqa: S101
    encoder = KnownVectors.from_prompts(
        load_encoder(str(before.encoder)), [record.prompt for record in workload.learnt]
    )
    built: dict[float, BuildResult] = {}
    for loss in losses:
        say(f"building with an allowed loss of {loss:g}")
        with TemporaryDirectory(dir=out) as name:
            folder = Path(name)
            shutil.copytree(before.encoder, folder / ENCODER_FOLDER)
            shutil.copy(before.head, folder / HEAD_FILE)
            for part in (ENCODER_FOLDER, HEAD_FILE):
                source, target = student / part, folder / FIRST_TIER_FOLDER / part
                target.parent.mkdir(exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, target)
                else:
                    shutil.copy(source, target)
            built[loss] = build_index(
                RecordList(workload.learnt),
                out / f"loss-{loss:g}",
                encoder,
                BuildOptions(cascade_loss=loss),
                trained=TrainedEncoder(folder, facts),
            )
    return built
