"""What a student is to say of each row: what a teacher says of it, and the length if it has one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from index_builder.training.lessons import LengthLesson, like
from index_builder.training.network import length_loss
from lengthwise.index.arrays import FloatMatrix, IntVector

SPACE_WEIGHT = 2.0
"""Of the distance to the teacher's vector, a cosine distance, beside a loss of some 3 nats."""


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
    """

    def __init__(
        self, answers: TeacherAnswers, lengths: LengthLesson, labelled: int, to_teacher: nn.Module
    ) -> None:
        self._answers = answers
        self._lengths = lengths
        self._labelled = labelled
        self._to_teacher = to_teacher
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
        total = (taught + SPACE_WEIGHT * apart).sum()
        own = np.flatnonzero(batch < self._labelled)
        if len(own):
            total = total + self._lengths.losses(batch[own], logits[torch.from_numpy(own)]).sum()
        return total / len(batch)
