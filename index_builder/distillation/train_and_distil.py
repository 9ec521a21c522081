"""Trains an encoder, and a student of it where a smaller one is as good or was asked for."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch

from index_builder.distillation.distil import TeachingSet, teach, usable_unlabelled
from index_builder.distillation.student_choice import (
    MAX_TAU_B_LOST,
    StudentOptions,
    encoder_speed,
    largest_fast_enough,
    saved_speed,
    sizes_to_try,
)
from index_builder.distillation.students import (
    STATIC,
    layers_of,
    new_student,
    require_narrower,
    size_name,
)
from index_builder.distillation.teacher import Teacher
from index_builder.training.base_model import BaseModel
from index_builder.training.options import TrainOptions
from index_builder.training.progress import TrainingProgress
from index_builder.training.train import Start, sampled, train
from index_builder.training.training_set import split_records
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import (
    ENCODER_FOLDER,
    HEAD_FILE,
    ArtifactLayout,
    read_manifest,
)
from lengthwise.index.store.manifest import StudentFacts, TrainingFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """A student as a training asks for it.

    Args:
        student: Which one is wanted; None: none.
        unlabelled: Prompts without a length, of any number, to learn from besides the history's.
        options: Of the training of the teacher.
        device: Where teacher and student are trained and run.
        checkpoints: Folder that says where a killed training goes on; left as it was found.
        progress: Is told how far it is.
        teachers: Artifacts trained on the same history, the mean of whose distributions is learnt;
            layers and space are those of the first. None trains one first.
    """

    student: StudentOptions | None = None
    unlabelled: Iterable[str] = ()
    teachers: Sequence[Path] = ()
    options: TrainOptions
    device: Literal["cpu", "cuda"]
    checkpoints: Path
    progress: TrainingProgress

    def train(
        self,
        history: Iterable[HistoryRecord],
        base: str,
        out: Path,
        learn_first: Iterable[HistoryRecord],
    ) -> TrainingFacts:
        """Train the encoder that is to teach; see `train`."""
        return train(
            history,
            base,
            out,
            self.options,
            learn_first=learn_first,
            device=self.device,
            checkpoints=self.checkpoints,
            progress=self.progress,
        )

    def run(
        self, history: Iterable[HistoryRecord], trained: Path, facts: TrainingFacts, out: Path
    ) -> TrainingFacts:
        """Make the student, or leave the trained encoder as it is where that was to be.

        Args:
            history: What the trained encoder was trained on.
            trained: Folder with that encoder and its head.
            facts: How that encoder was trained, and how well it orders validation rows.
            out: Folder that gets encoder and head.

        Returns:
            The facts with those of the student.

        Raises:
            InvalidInputError: No student is as small or as fast as it is to be.
            EncoderError: The trained encoder cannot teach.
            OSError: A folder cannot be written.
        """
        learnt, validation = split_records(history, facts.validation_share, facts.seed)
        learnt = sampled(learnt, self.options)
        wanted = self.student or StudentOptions()
        sizes = self._sizes(wanted, trained, [record.prompt for record in learnt])
        if not sizes:
            return _adopt(trained, out, facts)
        self.progress.stage("Asking the trained encoder")
        unlabelled = usable_unlabelled(self.unlabelled, learnt, validation, facts.seed)
        teaching = TeachingSet.ask(
            [Teacher(folder, self.device) for folder in (trained, *self.teachers[1:])],
            learnt,
            validation,
            unlabelled,
            options=self.options,
            progress=self.progress,
        )
        with TemporaryDirectory(prefix=".student-", dir=out.parent) as name:
            for layers in sizes:
                folder = Path(name) / str(layers)
                kind = wanted if layers != STATIC else StudentOptions()
                found = self._teach(teaching, layers, kind, folder, facts)
                lost = facts.best_kendall_tau_b - found.kendall_tau_b
                if wanted.is_decided or lost <= MAX_TAU_B_LOST:
                    return _adopt(folder, out, replace(facts, student=found))
        return _adopt(trained, out, facts)

    def _sizes(self, wanted: StudentOptions, trained: Path, prompts: list[str]) -> list[int]:
        """Sizes to make until one is good enough; none if the trained encoder is to stay."""
        model = BaseModel.load(str(trained / ENCODER_FOLDER))
        held, sizes = layers_of(model), possible_sizes(model, wanted)
        if wanted.target_speed is None:
            return sizes

        def speed_of(layers: int) -> float:
            if layers == held:
                return encoder_speed(trained / ENCODER_FOLDER, prompts, self.device)
            student = new_student(
                model,
                layers,
                torch.device(self.device),
                pooling_layer=wanted.pooling_layer,
                feed_forward=wanted.feed_forward,
            )
            return saved_speed(student.save, prompts, self.device)

        as_trained = not (wanted.pooling_layer or wanted.feed_forward)
        chosen = largest_fast_enough(
            [*sizes, held] if as_trained else sizes, held, speed_of, wanted.target_speed
        )
        return [] if chosen == held else [chosen]

    def _teach(
        self,
        teaching: TeachingSet,
        layers: int,
        kind: StudentOptions,
        folder: Path,
        facts: TrainingFacts,
    ) -> StudentFacts:
        self.progress.stage(f"Teaching {size_name(layers)}")
        trained = teach(
            teaching,
            layers,
            folder,
            self.options,
            device=self.device,
            checkpoints=self.checkpoints,
            progress=self.progress,
            pooling_layer=kind.pooling_layer,
            feed_forward=kind.feed_forward,
        )
        return StudentFacts(
            layers=layers,
            unlabelled_rows=len(teaching.rows) - teaching.labelled,
            epochs=len(trained.kendall_tau_b),
            kendall_tau_b=trained.kendall_tau_b[trained.best_epoch],
            trained_kendall_tau_b=facts.best_kendall_tau_b,
            pooling_layer=kind.pooling_layer,
            feed_forward=kind.feed_forward,
        )


def train_and_distil(
    history: Iterable[HistoryRecord],
    base: str,
    out: Path,
    distillation: Distillation,
    *,
    learn_first: Iterable[HistoryRecord] = (),
) -> TrainingFacts:
    """Fine-tune an encoder and a head on a history, then make a student of them; see `train`.

    Args:
        history: Rows to learn from; read twice.
        base: Name or folder of the sentence-transformers model to start from.
        out: Folder that gets encoder and head.
        distillation: Which student is wanted, and how everything is trained.
        learn_first: Other LLMs' histories, learnt from before.

    Raises:
        InvalidInputError: The history has too few rows; no student is as it is to be; teachers do
            not fit each other.
        EncoderError: The base model cannot be trained.
    """
    if distillation.teachers:
        first, *others = distillation.teachers
        facts = training_facts(first)
        for other in others:
            _require_alike(first, facts, other)
        return distillation.run(history, first, facts, out)
    if distillation.student is None:
        return distillation.train(history, base, out, learn_first)
    possible_sizes(Start.from_name(base).model, distillation.student)
    with TemporaryDirectory(prefix=".teacher-", dir=out.parent) as name:
        facts = distillation.train(history, base, Path(name), learn_first)
        return distillation.run(history, Path(name), facts, out)


def possible_sizes(model: BaseModel, student: StudentOptions) -> list[int]:
    """Sizes to try, see `sizes_to_try`; called before anything is trained as well.

    Args:
        model: What is to teach, or what it is to be trained from.
        student: Which one is wanted, or how its size is chosen.

    Raises:
        InvalidInputError: It is to have more of something than there is.
        EncoderError: No student can be made of such a model.
    """
    sizes = sizes_to_try(student, layers_of(model))
    if student.feed_forward is not None:
        require_narrower(model.transformer, student.feed_forward)
    return sizes


def training_facts(artifact: Path) -> TrainingFacts:
    """How an artifact was trained that is to teach.

    Raises:
        ArtifactError: It cannot be read.
        InvalidInputError: It was not trained.
    """
    facts = read_manifest(ArtifactLayout(artifact)).training
    if facts is None or facts.student is not None:
        raise InvalidInputError(
            f"{artifact} {'was not trained' if facts is None else 'holds a student itself'}: "
            "expected the index of a trained encoder as teacher"
        )
    return facts


def _require_alike(first: Path, facts: TrainingFacts, other: Path) -> None:
    """What one teacher learnt must not be held out of another's training."""
    found = training_facts(other)
    if (found.seed, found.validation_share) != (facts.seed, facts.validation_share):
        raise InvalidInputError(
            f"{other} was trained with seed {found.seed} and {found.validation_share:.0%} of rows "
            f"held out, {first} with seed {facts.seed} and {facts.validation_share:.0%}: expected "
            "teachers that held out the same rows. Train one of them as the other"
        )


def _adopt(folder: Path, out: Path, facts: TrainingFacts) -> TrainingFacts:
    out.mkdir(exist_ok=True)
    for name in (ENCODER_FOLDER, HEAD_FILE):
        source = folder / name
        if source.is_dir():
            shutil.copytree(source, out / name)
        else:
            shutil.copyfile(source, out / name)
    return facts
