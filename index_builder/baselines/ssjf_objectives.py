"""What SSJF's proxy is trained to say, and the length that it means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from index_builder.evaluation.metrics import class_edges
from lengthwise.index.estimate.length_scale import FloatArray

Loss = Callable[[Tensor, Tensor], Tensor]


class Objective(Protocol):
    """Made from the lengths learnt from; all lengths are in tokens, of shape (rows,)."""

    @property
    def outputs(self) -> int:
        """Numbers that the network gives per prompt."""
        ...

    def targets(self, lengths: FloatArray) -> Tensor:
        """What the network should give for some lengths."""
        ...

    def loss(self, given: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of one batch; `given` is of shape (rows, outputs)."""
        ...

    def lengths(self, given: FloatArray) -> FloatArray:
        """Lengths that the network's numbers, of shape (rows, outputs), stand for."""
        ...


@dataclass(frozen=True, slots=True)
class Regression:
    """The token count itself, standardised.

    Args:
        mean: Of the lengths learnt from.
        scale: Their standard deviation.
        criterion: L1 or squared error.
    """

    mean: float
    scale: float
    criterion: Loss

    @classmethod
    def from_lengths(cls, lengths: FloatArray, criterion: Loss) -> "Regression":
        """Standardise by some lengths."""
        return cls(float(lengths.mean()), float(lengths.std()) or 1.0, criterion)

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def targets(self, lengths: FloatArray) -> Tensor:
        """Standardised lengths."""
        return torch.from_numpy((lengths - self.mean) / self.scale).float()

    def loss(self, given: Tensor, targets: Tensor) -> Tensor:
        """See `Objective.loss`."""
        return self.criterion(given[:, 0], targets)

    def lengths(self, given: FloatArray) -> FloatArray:
        """Tokens, at least 0."""
        return np.maximum(given[:, 0] * self.scale + self.mean, 0)


@dataclass(frozen=True, slots=True)
class LengthClasses:
    """Five classes, cut at the percentiles 25, 50, 75 and 99; each stands for its median.

    Args:
        edges: Shape (4,), in tokens.
        medians: Shape (5,), in tokens.
    """

    edges: FloatArray
    medians: FloatArray

    @classmethod
    def from_lengths(cls, lengths: FloatArray) -> "LengthClasses":
        """Cut some lengths; a class that none falls into stands for its lower edge."""
        edges = class_edges(lengths)
        found = np.digitize(lengths, edges)
        lower = np.concatenate([edges[:1], edges])
        medians = [
            np.median(lengths[found == i]) if np.any(found == i) else lower[i]
            for i in range(len(edges) + 1)
        ]
        return cls(edges, np.array(medians, float))

    def numbers(self, lengths: FloatArray) -> Tensor:
        """Class of each length, 0 for the shortest."""
        return torch.from_numpy(np.digitize(lengths, self.edges))


@dataclass(frozen=True, slots=True)
class Classification:
    """Which of the classes it is: one score each, the highest wins."""

    classes: LengthClasses

    @property
    def outputs(self) -> int:
        """One per class."""
        return len(self.classes.medians)

    def targets(self, lengths: FloatArray) -> Tensor:
        """Class numbers."""
        return self.classes.numbers(lengths)

    def loss(self, given: Tensor, targets: Tensor) -> Tensor:
        """See `Objective.loss`."""
        return functional.cross_entropy(given, targets)

    def lengths(self, given: FloatArray) -> FloatArray:
        """Median of the class with the highest score."""
        return self.classes.medians[given.argmax(axis=1)]


@dataclass(frozen=True, slots=True)
class Ordinal:
    """The class's number as a quantity, so that a near class is a small mistake; then rounded."""

    classes: LengthClasses

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def targets(self, lengths: FloatArray) -> Tensor:
        """Class numbers."""
        return self.classes.numbers(lengths).float()

    def loss(self, given: Tensor, targets: Tensor) -> Tensor:
        """See `Objective.loss`."""
        return functional.l1_loss(given[:, 0], targets)

    def lengths(self, given: FloatArray) -> FloatArray:
        """Median of the nearest class."""
        last = len(self.classes.medians) - 1
        return self.classes.medians[np.clip(np.rint(given[:, 0]), 0, last).astype(int)]


OBJECTIVES: Mapping[str, Callable[[FloatArray], Objective]] = {
    "l1": lambda lengths: Regression.from_lengths(lengths, functional.l1_loss),
    "mse": lambda lengths: Regression.from_lengths(lengths, functional.mse_loss),
    "5class": lambda lengths: Classification(LengthClasses.from_lengths(lengths)),
    "ordinal": lambda lengths: Ordinal(LengthClasses.from_lengths(lengths)),
}
