"""A trained encoder and its head, from which smaller ones learn, and what they learn of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from index_builder.training.lessons import LengthLesson, like
from index_builder.training.network import length_loss
from index_builder.training.progress import TrainingProgress
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.encoder.encoder import Device, Encoder, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.head import LengthHead, prompt_features
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE


@dataclass(frozen=True, slots=True)
class TeacherAnswers:
    """What a teacher says of prompts.

    Args:
        vectors: Shape (prompts, dimension), of unit length.
        probabilities: Shape (prompts, bins), without the LLM's offset.
    """

    vectors: NDArray[np.float16]
    probabilities: FloatMatrix

    @classmethod
    def mean_of(cls, said: Sequence["TeacherAnswers"]) -> "TeacherAnswers":
        """The mean of several teachers' distributions, in the space of the first."""
        together = np.stack([answers.probabilities for answers in said])
        mean: FloatMatrix = together.sum(axis=0) / np.float32(len(said))
        return cls(said[0].vectors, mean)


class TeacherLesson:
    """A teacher's distribution and its vector, and the own lengths of rows that have one.

    The distribution stands where the histogram of a row's draws stands in `LengthLesson` (Hinton et
    al. 2015, arXiv 1503.02531); the vector makes near what is near to the teacher.

    Args:
        answers: The teacher's, of every row.
        lengths: What the first rows teach by themselves.
        labelled: How many rows those are.
        to_teacher: From a vector of the student to the teacher's space.
        space_weight: Of the distance to the teacher's vector, a cosine distance, beside a loss of
            some 3 nats; at least 0.
    """

    def __init__(
        self,
        answers: TeacherAnswers,
        lengths: LengthLesson,
        labelled: int,
        to_teacher: nn.Module,
        space_weight: float,
    ) -> None:
        self._answers = answers
        self._lengths = lengths
        self._labelled = labelled
        self._to_teacher = to_teacher
        self._space_weight = space_weight
        self._centres: FloatMatrix = answers.probabilities @ lengths.middles

    def loss(self, batch: IntVector, vectors: Tensor, logits: Tensor) -> Tensor:
        """Mean loss of a batch; see `Lesson`."""
        taught = length_loss(
            logits,
            like(logits, self._lengths.middles),
            like(logits, self._centres[batch]),
            like(logits, self._answers.probabilities[batch]),
            torch.zeros(len(batch), dtype=torch.bool, device=logits.device),
        )
        theirs = like(logits, self._answers.vectors[batch])
        apart = 1 - functional.cosine_similarity(self._to_teacher(vectors), theirs, dim=1)
        total = (taught + self._space_weight * apart).sum()
        own = np.flatnonzero(batch < self._labelled)
        if len(own):
            total = total + self._lengths.losses(batch[own], logits[torch.from_numpy(own)]).sum()
        return total / len(batch)


TOGETHER = 1024
"""Prompts asked about at a time, sorted by length among themselves: a second or two of a CPU's
work between two reports of progress."""


class Teacher:
    """Says of a prompt what its length may be, and where it lies.

    Args:
        folder: Holds `encoder/` and `head.npz`, as a training or an artifact has them.
        device: Where the encoder runs; "auto" takes a GPU where there is one.

    Raises:
        EncoderError: The encoder cannot be loaded.
        ArtifactAlteredError: The head cannot be read.
    """

    def __init__(self, folder: Path, device: Device = "auto") -> None:
        self.encoder_folder = folder / ENCODER_FOLDER
        self.head = LengthHead.load(folder / HEAD_FILE)
        self._encoder: Encoder = load_encoder(str(self.encoder_folder), device=device)

    @property
    def content_hash(self) -> str:
        """Of its encoder."""
        return self._encoder.content_hash

    def answers(
        self, prompts: Sequence[str], places: IntVector, progress: TrainingProgress
    ) -> TeacherAnswers:
        """What it says of prompts.

        Args:
            prompts: Of any number and length, in any order.
            places: Shape (len(prompts),): the LLM of each, as the head knows them.
            progress: Is told how far it is; `epoch` is left to the caller.
        """
        bins = len(self.head.edges) - 1
        vectors = np.empty((len(prompts), self._encoder.dimension), np.float16)
        probabilities = np.empty((len(prompts), bins), np.float32)
        for start in range(0, len(prompts), TOGETHER):
            some = slice(start, start + TOGETHER)
            found = self._encoder.encode(prompts[some])
            features = prompt_features(prompts[some])
            vectors[some] = found
            probabilities[some] = self.head.probabilities(found, features, places[some])
            progress.rows(len(found))
        return TeacherAnswers(vectors, probabilities)


def require_same_bins(teachers: Sequence[Teacher]) -> None:
    """Refuse teachers whose distributions cannot be averaged.

    Bins come of the rows that were learnt, so other rows are found out as well.

    Raises:
        InvalidInputError: Bins or LLMs differ.
    """
    first, *others = teachers
    for other in others:
        same = np.array_equal(other.head.edges, first.head.edges)
        if not same or other.head.models != first.head.models:
            raise InvalidInputError(
                f"{other.encoder_folder.parent} and {first.encoder_folder.parent} were not trained "
                "on the same rows: expected teachers of one history, with the same options for "
                "validation, bins and rows"
            )
