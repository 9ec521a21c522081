"""A trained encoder and its head, from which smaller ones learn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index_builder.distillation.teacher_lesson import TeacherAnswers
from index_builder.training.progress import TrainingProgress
from lengthwise.index.arrays import IntVector
from lengthwise.index.encoder.encoder import Device, Encoder, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.head import LengthHead, prompt_features
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE

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
