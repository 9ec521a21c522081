"""Distillation: a student learns what a teacher says of many prompts, most without a length."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from index_builder.distillation.students import LAYERED_PACE, STATIC, STATIC_PACE, new_student
from index_builder.distillation.teacher import (
    Teacher,
    TeacherAnswers,
    TeacherLesson,
    require_same_bins,
)
from index_builder.training.base_model import BaseModel
from index_builder.training.head_weights import FeatureScale, head_module, length_head
from index_builder.training.lessons import LengthLesson
from index_builder.training.options import TrainOptions
from index_builder.training.progress import TrainingProgress
from index_builder.training.targets import Bins, LengthTargets, draws_of
from index_builder.training.train import UNKNOWN_SHARE
from index_builder.training.trainer import CheckpointFile, Trained, Trainer, seed_everything
from index_builder.training.training_set import LlmOffsets, TrainingInputs, TrainingRows
from lengthwise.index.estimate.head import prompt_features
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE

MAX_UNLABELLED = 50_000
"""Prompts without a length that are learnt from at most, a random sample of more: asking a teacher
of six layers about them takes a minute or two on two cores."""


def usable_unlabelled(
    prompts: Iterable[str],
    learnt: Sequence[HistoryRecord],
    validation: Sequence[HistoryRecord],
    seed: int,
) -> list[str]:
    """Prompts to learn from besides a history's: each once, none of the history, none held out.

    Args:
        prompts: As they were found, some of them perhaps several times.
        learnt: Rows whose prompts are learnt from anyway.
        validation: Rows that must stay unknown; case and spaces make no difference.
        seed: Decides which are left out where there are more than `MAX_UNLABELLED`.
    """
    known = {record.prompt for record in learnt}
    held_out = {normalised(record.prompt) for record in validation}
    found = [
        prompt
        for prompt in dict.fromkeys(prompts)
        if prompt not in known and normalised(prompt) not in held_out
    ]
    if len(found) <= MAX_UNLABELLED:
        return found
    chosen = np.random.default_rng(seed).choice(len(found), MAX_UNLABELLED, replace=False)
    return [found[i] for i in np.sort(chosen)]


def normalised(prompt: str) -> str:
    """A prompt by which it is recognised with other spaces, or in capitals."""
    return " ".join(prompt.split()).casefold()


@dataclass(frozen=True, slots=True)
class TeachingSet:
    """What all students of one teacher learn from.

    Args:
        model: The teacher's encoder, as it can be trained.
        teacher: The same as it is served, and its head.
        rows: First those of the history, then the prompts without a length.
        answers: What the teacher says of `rows`.
        lengths: What the rows of the history teach by themselves.
        labelled: How many rows those are.
        validation: Rows that neither teacher nor student learns from.
        validation_records: The same, with their lengths.
        bins: Of the length, the teacher's.
        offsets: Of the LLMs that the teacher knows.
        key: Names teacher and rows, so that a checkpoint is of these.
    """

    model: BaseModel
    teacher: Teacher
    rows: TrainingRows
    answers: TeacherAnswers
    lengths: LengthLesson
    labelled: int
    validation: TrainingRows
    validation_records: Sequence[HistoryRecord]
    bins: Bins
    offsets: LlmOffsets
    key: str

    @classmethod
    def ask(
        cls,
        teachers: Sequence[Teacher],
        learnt: Sequence[HistoryRecord],
        validation: Sequence[HistoryRecord],
        unlabelled: Sequence[str],
        *,
        options: TrainOptions,
        progress: TrainingProgress,
    ) -> "TeachingSet":
        """Ask teachers about prompts.

        Args:
            teachers: Trained on `learnt`, and not on `validation`. The mean of what they say is
                learnt (Hinton et al. 2015); layers and vectors are those of the first.
            learnt: Rows of the history to learn from.
            validation: Rows of the history that are held out.
            unlabelled: Prompts without a length, see `usable_unlabelled`.
            options: Of the teacher's training: how much of a prompt is learnt from, the seed.
            progress: Is told how far it is.

        Raises:
            InvalidInputError: Teachers were not trained on the same rows.
        """
        teacher = teachers[0]
        model, head = BaseModel.load(str(teacher.encoder_folder)), teacher.head
        offsets = LlmOffsets(head.models, head.offsets)
        scale = FeatureScale.from_head(head)
        own = offsets.places(learnt)
        # A prompt without a length is asked about one of the history's LLMs, as often as they come.
        drawn = np.random.default_rng(options.seed).choice(own, len(unlabelled))
        prompts, places = [*(r.prompt for r in learnt), *unlabelled], np.concatenate([own, drawn])

        def rows(prompts: Sequence[str], places: object) -> TrainingRows:
            ids = model.tokenize(prompts, options.max_tokens_learnt)
            features = scale.apply(prompt_features(prompts))
            return TrainingRows(tuple(ids), features, np.asarray(places, np.int64))

        require_same_bins(teachers)
        said: list[TeacherAnswers] = []
        for number, asked in enumerate(teachers, 1):
            progress.epoch(number, len(teachers), len(prompts))
            said.append(asked.answers(prompts, places, progress))
        usual = offsets.values[own]
        shifted = [draws_of(r) - u for r, u in zip(learnt, usual, strict=True)]
        bins = Bins.from_edges(head.edges, np.concatenate(shifted))
        targets = LengthTargets.from_records(learnt, usual, bins)
        return cls(
            model=model,
            teacher=teacher,
            rows=rows(prompts, places),
            answers=TeacherAnswers.mean_of(said),
            lengths=LengthLesson(targets, bins),
            labelled=len(learnt),
            validation=rows([r.prompt for r in validation], offsets.places(validation)),
            validation_records=validation,
            bins=bins,
            offsets=offsets,
            key=_key(teachers, prompts),
        )


def teach(
    teaching: TeachingSet,
    layers: int,
    out: Path,
    options: TrainOptions,
    *,
    device: str,
    checkpoints: Path,
    progress: TrainingProgress,
    pooling_layer: bool = False,
    feed_forward: int | None = None,
) -> Trained:
    """Train a student and write its encoder and head into a folder.

    Args:
        teaching: What the teacher says of all prompts, and the rows to validate with.
        layers: How many it has; `students.STATIC` for none.
        out: Gets the encoder and the head, as `train` writes them.
        options: Of the teacher's training: masking, averaging, patience, seed.
        device: Where it is trained: "cpu" or "cuda".
        checkpoints: Folder that says where a killed training goes on; left as it was found.
        progress: Is told how far it is.
        pooling_layer: Whether the last of its layers computes one state for each prompt.
        feed_forward: Width of its layers' feed-forward parts; None: the teacher's.

    Raises:
        InvalidInputError: The teacher has not so many layers.
        OSError: A folder cannot be written.
    """
    seed_everything(options.seed)
    place = torch.device(device)
    student = new_student(
        teaching.model, layers, place, pooling_layer=pooling_layer, feed_forward=feed_forward
    )
    pace = STATIC_PACE if layers == STATIC else LAYERED_PACE
    options = pace.options(options, len(teaching.rows))
    kind = {"layers": layers, "pooling_layer": pooling_layer, "feed_forward": feed_forward}
    standing = checkpoints / _standing(teaching.key, {**kind, **asdict(pace)}, options)
    head = head_module(teaching.teacher.head, student.dimension)
    inputs = TrainingInputs(
        encoder=student.encoder,
        head=head,
        rows=teaching.rows,
        lesson=TeacherLesson(
            teaching.answers,
            teaching.lengths,
            teaching.labelled,
            student.to_teacher,
            pace.space_weight,
        ),
        validation=teaching.validation,
        validation_records=teaching.validation_records,
        bins=teaching.bins,
        offsets=teaching.offsets.values,
        mask_id=teaching.model.mask_id,
        forget_model=UNKNOWN_SHARE if len(teaching.offsets.models) > 1 else 0.0,
    )
    trained = Trainer(
        inputs,
        options,
        epochs=options.epochs,
        device=place,
        checkpoint=CheckpointFile(standing, standing.name),
        progress=progress,
    ).run()
    student.save(out / ENCODER_FOLDER)
    scale = FeatureScale.from_head(teaching.teacher.head)
    length_head(head, teaching.offsets, teaching.bins, scale).save(out / HEAD_FILE)
    shutil.rmtree(standing, ignore_errors=True)
    return trained


def _key(teachers: Sequence[Teacher], prompts: Sequence[str]) -> str:
    digest = hashlib.sha256("".join(f"{t.content_hash}\n" for t in teachers).encode())
    for prompt in prompts:
        digest.update(f"{prompt}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _standing(key: str, kind: Mapping[str, object], options: TrainOptions) -> str:
    """Names a student's training: a checkpoint of another one must not be taken up."""
    text = f"{key} {json.dumps(kind)} {json.dumps(asdict(options))}"
    return "student-" + hashlib.sha256(text.encode()).hexdigest()[:16]
