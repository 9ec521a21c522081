"""What a network is to say of each row: here, the row's own length."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from index_builder.training.network import length_loss
from index_builder.training.targets import Bins, LengthTargets
from lengthwise.index.arrays import FloatMatrix, IntVector


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
        targets: What is to be said of each row, by its number.
        bins: Those whose probabilities the head gives.
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
            like(logits, self.middles),
            like(logits, self.standardised(targets.centre[rows])),
            like(logits, targets.histogram[rows]),
            torch.from_numpy(targets.censored[rows]).to(logits.device),
        )

    def loss(self, batch: IntVector, vectors: Tensor, logits: Tensor) -> Tensor:  # noqa: ARG002  see `Lesson`
        """Mean loss of a batch; see `Lesson`."""
        return self.losses(batch, logits).mean()


def like(logits: Tensor, values: NDArray[Any]) -> Tensor:
    """Values in float32, where the logits are."""
    return torch.from_numpy(values).to(logits.device, torch.float32)
