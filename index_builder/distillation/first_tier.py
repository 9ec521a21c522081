"""Teaches the first tier of an index: a static student of the encoder that was trained for it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from index_builder.distillation.distil import TeachingSet, teach, usable_unlabelled
from index_builder.distillation.students import STATIC
from index_builder.distillation.teacher import Teacher
from index_builder.training.options import TrainOptions
from index_builder.training.progress import TrainingProgress
from index_builder.training.train import sampled
from index_builder.training.training_set import split_records
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import FIRST_TIER_FOLDER
from lengthwise.index.store.manifest import TrainingFacts


def train_first_tier(
    trained: Path,
    facts: TrainingFacts,
    history: Iterable[HistoryRecord],
    options: TrainOptions,
    *,
    unlabelled: Iterable[str] = (),
    out: Path | None = None,
    device: Literal["cpu", "cuda"],
    checkpoints: Path,
    progress: TrainingProgress,
) -> None:
    """Teach a static encoder and a head what the encoder and the head say that will be served.

    Nothing is taught where these are static themselves.

    Args:
        trained: Folder that holds them, and gets the folder of the first tier.
        facts: How they were trained: the same rows are kept apart.
        history: What they were trained on.
        options: Those that the teacher was trained with.
        unlabelled: Prompts without a length to learn from besides.
        out: Folder that gets the first tier in place of one beside the teacher.
        device: Where teacher and student run.
        checkpoints: Folder that says where a killed training goes on; left as it was found.
        progress: Is told how far it is.

    Raises:
        EncoderError: The trained encoder cannot teach.
        OSError: A folder cannot be written.
    """
    if facts.student is not None and facts.student.layers == STATIC:
        return
    learnt, validation = split_records(history, facts.validation_share, facts.seed)
    learnt = sampled(learnt, options)
    progress.stage("Asking the trained encoder for the first tier")
    teaching = TeachingSet.ask(
        [Teacher(trained, device)],
        learnt,
        validation,
        usable_unlabelled(unlabelled, learnt, validation, facts.seed),
        options=options,
        progress=progress,
    )
    progress.stage("Teaching the first tier")
    teach(
        teaching,
        STATIC,
        out or trained / FIRST_TIER_FOLDER,
        options,
        device=device,
        checkpoints=checkpoints,
        progress=progress,
    )
