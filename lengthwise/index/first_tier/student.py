"""The model of the first tier: a static encoder and a head, which learnt from the second."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from lengthwise.index.arrays import BoolVector
from lengthwise.index.encoder.encoder import Encoder, load_encoder
from lengthwise.index.estimate.head import UNKNOWN, LengthHead, prompt_features
from lengthwise.index.first_tier.doubt import Reading
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE


@dataclass(frozen=True, slots=True)
class Student:
    """Says how long answers will be without looking anything up.

    Args:
        encoder: A static one; its vectors are of another space than the index's.
        head: From its vectors to distributions.
    """

    encoder: Encoder
    head: LengthHead

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what a training wrote.

        Raises:
            EncoderError: The encoder cannot be loaded.
            ArtifactAlteredError: The head is none.
        """
        return cls(load_encoder(str(folder / ENCODER_FOLDER)), LengthHead.load(folder / HEAD_FILE))

    def knows(self, models: Sequence[str]) -> BoolVector:
        """Of which LLMs it has learnt the lengths; shape (len(models),).

        Where no row named its LLM, that is the one without a name.
        """
        if not self.head.models:
            return np.array([not model for model in models], bool)
        return self.head.places(models) != UNKNOWN

    def read(self, prompts: Sequence[str], models: Sequence[str]) -> Reading:
        """What it says of prompts."""
        head, features = self.head, prompt_features(prompts)
        vectors = self.encoder.encode(prompts)
        return Reading(
            head.distribution(vectors, features, head.places(models)),
            (features - head.feature_mean) / head.feature_scale,
        )
