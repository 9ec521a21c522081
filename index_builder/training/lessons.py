"""What a network is to say of each row: the row's own length, or what a teacher says of it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from index_builder.training.network import length_loss
from index_builder.training.targets import Bins, LengthTargets
from lengthwise.index.arrays import FloatMatrix, IntVector

SPACE_WEIGHT = 2.0
"""Of the distance to the teacher's vector, a cosine distance, beside a loss of some 3 nats."""


class Lesson(Protocol):
    """Tells how wrong a network is."""

    def loss(self, batch: IntVector, vectors: Tensor, logits: Tensor) -> Tensor:
        """Mean loss of a batch.

        Args:
            batch: Shape (rows,): numbers of the rows.
            vectors: Shape (rows, dimension): what the encoder says of them.
            logits: Shape (rows, bins): what the head says of them.
        """
        ...


class LengthLesson:
    """The rows' own lengths.

    Args:
        targets: Of every row.
        bins: That logits are of.
    """

    def __init__(self, targets: LengthTargets, bins: Bins) -> None:
        self._targets = targets
        self._mean = float(np.mean(targets.centre))
        self._scale = float(np.std(targets.centre)) or 1.0
        self.middles = self.standardised(bins.middles)

    def standardised(self, values: Any) -> FloatMatrix:
        """Values of the log scale, those of the targets having mean 0 and variance 1."""
        return np.asarray((values - self._mean) / self._scale, np.float32)

    def losses(self, rows: IntVector, logits: Tensor) -> Tensor:
        """Loss of each of some rows."""
        targets = self._targets
        return length_loss(
            logits,
            _like(logits, self.middles),
            _like(logits, self.standardised(targets.centre[rows])),
            _like(logits, targets.histogram[rows]),
            torch.from_numpy(targets.censored[rows]).to(logits.device),
        )

    def loss(self, batch: IntVector, vectors: Tensor, logits: Tensor) -> Tensor:  # noqa: ARG002  see `Lesson`
        """Mean loss of a batch; see `Lesson`."""
        return self.losses(batch, logits).mean()


@dataclass(frozen=True, slots=True)
class TeacherAnswers:
    """What a teacher says of prompts.

    Args:
        vectors: Shape (prompts, dimension), of unit length.
        probabilities: Shape (prompts, bins), without the LLM's offset.
    """

    vectors: NDArray[np.float16]
    probabilities: FloatMatrix


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
            _like(logits, self._lengths.middles),
            _like(logits, self._centres[batch]),
            _like(logits, self._answers.probabilities[batch]),
            torch.zeros(len(batch), dtype=torch.bool, device=logits.device),
        )
        theirs = _like(logits, self._answers.vectors[batch])
        apart = 1 - functional.cosine_similarity(self._to_teacher(vectors), theirs, dim=1)
        total = (taught + SPACE_WEIGHT * apart).sum()
        own = np.flatnonzero(batch < self._labelled)
        if len(own):
            total = total + self._lengths.losses(batch[own], logits[torch.from_numpy(own)]).sum()
        return total / len(batch)


def _like(logits: Tensor, values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values).to(logits.device, torch.float32)
