"""Trains the encoder anew, on what is kept and what is new but for the rows held out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index_builder.distillation.first_tier import train_first_tier
from index_builder.distillation.student_choice import StudentOptions
from index_builder.distillation.train_and_distil import Distillation, train_and_distil
from index_builder.rebuild.live_version import EncoderSource
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.vector_rows import VectorRows
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import Device, Precision, choose_device, load_encoder
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import ENCODER_FOLDER
from lengthwise.index.store.manifest import EncoderIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A training as a round asks for it.

    Args:
        options: How the encoder is trained.
        folder: Is made, and gets the trained encoder and its head.
        device: Where training and encoding run.
        precision: That prompts are encoded in afterwards.
        cascade_loss: How much lower tau-b may be for a first tier, which is then taught as well;
            None teaches one where there was one, for as much.
    """

    options: TrainOptions
    folder: Path
    device: Device
    precision: Precision
    cascade_loss: float | None = None

    def run(
        self,
        source: EncoderSource,
        before: VectorRows | None,
        learnt: HistoryRows,
        progress: RoundProgress,
    ) -> EncoderSource:
        """Train.

        Args:
            source: The encoder so far; training starts from what that one started from.
            before: Rows of the live version; those without text teach nothing.
            learnt: New rows to learn from, those that are held out left out.
            progress: Is told how far it is, and may end the round.

        Raises:
            InvalidInputError: There are too few rows with text.
        """
        start = source.identity.name if source.training is None else source.training.start
        earlier = iter(()) if before is None else before.records()
        self.folder.mkdir()
        # What is served stays as small as it was: a student is made anew of the encoder.
        was = None if source.training is None else source.training.student
        student = (
            None
            if was is None
            else StudentOptions(
                layers=was.layers, pooling_layer=was.pooling_layer, feed_forward=was.feed_forward
            )
        )
        rows = [*earlier, *learnt.records()]
        facts = train_and_distil(
            rows,
            start,
            self.folder,
            Distillation(
                student=student,
                options=self.options,
                device=choose_device(self.device),
                checkpoints=self.folder.with_suffix(".checkpoints"),
                progress=progress,
            ),
        )
        cascade_loss = source.cascade_loss if self.cascade_loss is None else self.cascade_loss
        if cascade_loss is not None:
            train_first_tier(
                self.folder,
                facts,
                rows,
                self.options,
                device=choose_device(self.device),
                checkpoints=self.folder.with_suffix(".checkpoints"),
                progress=progress,
            )
        encoder = load_encoder(
            str(self.folder / ENCODER_FOLDER), device=self.device, precision=self.precision
        )
        times = learnt.stored_unix_s
        if before is not None:
            times = np.concatenate([before.rows.stored_unix_s, times])
        return EncoderSource(
            encoder,
            EncoderIdentity.from_training(facts.base, encoder),
            self.folder,
            facts,
            float(times.max()),
            cascade_loss,
        )
