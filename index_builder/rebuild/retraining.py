"""Trains the encoder anew, on what is kept and what is new but for the rows held out."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from index_builder.rebuild.encoding import encoded
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.source import EncoderSource
from index_builder.rebuild.vector_rows import VectorRows, records_of
from index_builder.training.options import TrainOptions
from index_builder.training.train import train
from lengthwise.index.encoder.encoder import Device, Precision, load_encoder
from lengthwise.index.encoder.sentence_encoder import choose_device
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import ENCODER_FOLDER, EncoderIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """A training as a round asks for it.

    Args:
        options: How.
        folder: Gets the trained encoder.
        device: Where training and encoding run.
        precision: Of the encoding.
    """

    options: TrainOptions
    folder: Path
    device: Device
    precision: Precision

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
            learnt: New rows to learn from.
            progress: Is told how far it is.

        Raises:
            InvalidInputError: There are too few rows with text.
        """
        base = source.identity.name if source.training is None else source.training.base
        earlier = iter(()) if before is None else before.records()
        self.folder.mkdir()
        facts = train(
            chain(earlier, records_of(learnt)),
            base,
            self.folder,
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
            EncoderIdentity(
                f"{base}, trained on this history",
                encoder.content_hash,
                encoder.dimension,
                trained=True,
            ),
            self.folder,
            facts,
            float(times.max()),
        )


def encoded_anew(rows: VectorRows, source: EncoderSource, progress: RoundProgress) -> VectorRows:
    """Rows in another encoder's space; those without text cannot come along."""
    texts = rows.take(np.flatnonzero(rows.with_text))
    return encoded(texts.rows, source.encoder, progress)
