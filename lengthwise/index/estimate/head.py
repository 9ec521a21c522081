"""The trained head: from a prompt's vector to a distribution of lengths, where nothing is near.

ALISE (arXiv 2410.23537, section 3.1) asks a small network for one number; this one gives
probabilities of bins on the log scale, from the vector, a few plain features and the LLM.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, softmax

from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.estimate.prior import ATOMS
from lengthwise.index.estimate.weighted_cdf import WeightedCdf
from lengthwise.index.length_scale import FloatArray

_ANSWER = re.compile(r"(?ms)^assistant: (.*?)(?=^(?:user|assistant|system|tool): |\Z)")
"""An earlier answer, as `conversation.render_conversation` writes it."""

FEATURES = (
    "log chars",
    "log words",
    "log lines",
    "share of digits",
    "question marks",
    "earlier answers",
    "log chars of the last of them",
    "log of their mean chars",
)
"""What a prompt shows without being understood, which a fixed window of tokens may cut away, in the
order in which a head reads it. Of a conversation also how long the earlier answers were: an LLM
that was brief so far stays brief."""


def prompt_features(prompts: Sequence[str]) -> FloatMatrix:
    """Numbers about prompts: shape (len(prompts), len(FEATURES)), float32, unscaled."""
    return np.array([_features(p) for p in prompts], np.float32).reshape(-1, len(FEATURES))


def _features(prompt: str) -> list[float]:
    answers = [len(a) for a in _ANSWER.findall(prompt)] if "assistant: " in prompt else []
    return [
        log1p(len(prompt)),
        log1p(prompt.count(" ")),
        log1p(prompt.count("\n")),
        sum(map(prompt.count, "0123456789")) / max(1, len(prompt)),
        min(prompt.count("?"), 5),
        min(len(answers), 10),
        log1p(answers[-1]) if answers else 0.0,
        log1p(sum(answers) / len(answers)) if answers else 0.0,
    ]


ATOM_LEVELS = (np.arange(ATOMS) + 0.5) / ATOMS
"""Levels of the quantiles that stand for a distribution, each the middle of its share."""

UNKNOWN = 0
"""Place of an LLM without history of its own; those of `models` follow."""


@dataclass(frozen=True, slots=True)
class LengthHead:
    """Two layers, in NumPy: a micro-batch takes well under a millisecond.

    Args:
        models: Names of the LLMs that it was trained on answers of.
        offsets: Shape (len(models) + 1,): added on the log scale for each; 0 for an unknown one.
        edges: Shape (bins + 1,): ascending edges of the bins on the log scale.
        feature_mean: Shape (features,): taken off the plain features of a prompt.
        feature_scale: Shape (features,): what they are divided by then.
        vector_weight: Shape (dimension, hidden): first layer, from the prompt's vector.
        feature_weight: Shape (features, hidden): first layer, from the scaled features.
        model_weight: Shape (len(models) + 1, hidden): first layer, one line for each LLM.
        hidden_bias: Shape (hidden,): added before the activation, a GELU.
        bin_weight: Shape (hidden, bins): second layer, to the logits of the bins.
        bin_bias: Shape (bins,): added to the logits.
    """

    models: tuple[str, ...]
    offsets: FloatArray
    edges: FloatArray
    feature_mean: FloatMatrix
    feature_scale: FloatMatrix
    vector_weight: FloatMatrix
    feature_weight: FloatMatrix
    model_weight: FloatMatrix
    hidden_bias: FloatMatrix
    bin_weight: FloatMatrix
    bin_bias: FloatMatrix

    def places(self, models: Sequence[str]) -> IntVector:
        """Where the head knows LLMs by, for `quantiles`."""
        known = {name: i for i, name in enumerate(self.models, UNKNOWN + 1)}
        return np.array([known.get(name, UNKNOWN) for name in models], np.int64)

    def quantiles(
        self, vectors: FloatMatrix, features: FloatMatrix, places: IntVector, levels: FloatArray
    ) -> FloatArray:
        """Quantiles on the log scale.

        Args:
            vectors: Shape (queries, dimension), of unit length.
            features: Shape (queries, features), from `prompt_features`.
            places: Shape (queries,): where `places` says that each LLM stands.
            levels: Shape (n,), ascending, in [0, 1].

        Returns:
            Shape (queries, n).
        """
        reached = self._reached(vectors, features, places)
        values = np.array([np.interp(levels, row, self.edges) for row in reached])
        return values.reshape(len(vectors), len(levels)) + self.offsets[places][:, None]

    def distribution(
        self, vectors: FloatMatrix, features: FloatMatrix, places: IntVector
    ) -> WeightedCdf:
        """The same as distributions on the log scale, one for each query."""
        values = self.edges + self.offsets[places][:, None]
        return WeightedCdf(values, self._reached(vectors, features, places))

    def atoms(
        self, vectors: FloatMatrix, prompts: Sequence[str], models: Sequence[str]
    ) -> FloatArray:
        """Equally likely lengths on the log scale, shape (queries, ATOMS), as `prior` has them."""
        features = prompt_features(prompts)
        return self.quantiles(vectors, features, self.places(models), ATOM_LEVELS)

    def _reached(
        self, vectors: FloatMatrix, features: FloatMatrix, places: IntVector
    ) -> FloatArray:
        """Probability of staying under each edge, shape (queries, bins + 1)."""
        reached = np.zeros((len(vectors), len(self.edges)))
        np.cumsum(self.probabilities(vectors, features, places), axis=1, out=reached[:, 1:])
        return reached

    def probabilities(
        self, vectors: FloatMatrix, features: FloatMatrix, places: IntVector
    ) -> FloatArray:
        """Probability of each bin, shape (queries, bins), before the LLM's offset."""
        scaled = (features - self.feature_mean) / self.feature_scale
        hidden = (
            vectors @ self.vector_weight
            + scaled @ self.feature_weight
            + self.model_weight[places]
            + self.hidden_bias
        )
        active = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        return softmax((active @ self.bin_weight + self.bin_bias).astype(float), axis=1)

    def save(self, path: Path) -> None:
        """Write to a file (NumPy's npz).

        Raises:
            OSError: It cannot be written.
        """
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **self._columns())

    def _columns(self) -> dict[str, NDArray[Any]]:
        arrays = {name: getattr(self, name) for name in self.__slots__ if name != "models"}
        return {"models": np.array(self.models, dtype=np.str_), **arrays}

    @classmethod
    def load(cls, path: Path) -> "LengthHead":
        """Read from a file.

        Raises:
            ArtifactAlteredError: The file is not what `save` writes.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                columns: dict[str, Any] = {name: data[name] for name in cls.__slots__}
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactAlteredError(f"{path} is not a trained head: {error}") from error
        models = tuple(columns.pop("models").tolist())
        return cls(models=models, **columns)
