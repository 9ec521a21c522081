"""Makes a version of rows whose vectors are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from index_builder.build.fit_and_finish import FinishedArtifact, fit_and_finish
from index_builder.rebuild.live_version import EncoderSource
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.history.split import is_validation
from lengthwise.index.arrays import BoolVector, IntVector
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.held_out import HeldOutRows
from lengthwise.index.first_tier.known_prompts import KnownPrompts
from lengthwise.index.first_tier.student import Student
from lengthwise.index.first_tier.tier_fitting import TierCandidate
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter
from lengthwise.index.store.layout import ArtifactLayout, sha256_of
from lengthwise.index.store.manifest import HistoryFacts, Manifest

MIN_NEWEST = 200
"""Newest rows that the calibration follows at least: fewer would leave it to chance, more would
describe the traffic of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a version is made by, beside its rows.

    Args:
        source: The encoder that made the vectors, and what was trained with it.
        new_rows: How many of the rows came since the last version.
        last_sequence: How far it has followed the history.
        left_out: Rows of the history that it could not use.
        quantile_levels: Levels given in every answer.
        keeps_text: Store the prompts, so that neighbours' texts can be shown.
        seed: Decides which rows are sampled for fitting.
        follows: The version before it, where its name does not tell; see `Manifest.follows`.
    """

    source: EncoderSource
    new_rows: int
    last_sequence: int
    left_out: int
    quantile_levels: tuple[float, ...]
    keeps_text: bool
    seed: int
    follows: str | None = None

    @classmethod
    def following(
        cls,
        before: Manifest | None,
        source: EncoderSource,
        *,
        new_rows: int,
        last_sequence: int,
        left_out: int,
        seed: int,
    ) -> Self:
        """A version that keeps the levels and the texts of the one before it, if there is one."""
        return cls(
            source=source,
            new_rows=new_rows,
            last_sequence=last_sequence,
            left_out=left_out,
            quantile_levels=DEFAULT_QUANTILE_LEVELS if before is None else before.quantile_levels,
            keeps_text=before is None or before.keeps_text,
            seed=seed,
        )

    def among(self, versions: Sequence[str], before: str | None) -> Self:
        """The same for a place with some versions, oldest first, of which `before` is current."""
        # Manifests that say nothing more than their names do are read by earlier releases too.
        rolled_back = before is not None and versions[-1:] != [before]
        return replace(self, follows=before if rolled_back else None)

    def write(
        self,
        folder: Path,
        version: str,
        content: VectorRows,
        repeats: Sequence[RepeatTable] = (),
    ) -> FinishedArtifact:
        """Make an artifact.

        Args:
            folder: Is made, to hold the artifact.
            version: The name that its manifest gives it.
            content: The rows that it is to hold, oldest first.
            repeats: Lengths of rows of the history that are not among these, the newest first.
        """
        folder.mkdir(parents=True)
        writer = ArtifactWriter(folder)
        if self.source.folder is not None:
            writer.add_trained(self.source.folder)
        table = content.rows.table if self.keeps_text else content.without_text().table
        rows = writer.write_rows([table])
        if self.keeps_text:
            writer.write_repeats(repeats)
        calibration = CalibrationRows.from_version(content, self.source, self.new_rows)
        return fit_and_finish(
            writer,
            rows,
            content.vectors,
            self._facts(version, fingerprint=sha256_of(writer.layout.rows)),
            held_out=calibration.all,
            newest=calibration.newest,
            first_tier=_tier_candidate(writer.layout, content, self.source.cascade_loss),
            seed=self.seed,
        )

    def _facts(self, version: str, *, fingerprint: str) -> ArtifactFacts:
        return ArtifactFacts(
            version=version,
            encoder=self.source.identity,
            quantile_levels=self.quantile_levels,
            keeps_text=self.keeps_text,
            data_fingerprint=fingerprint,
            skipped_rows=self.left_out,
            training=self.source.training,
            history=HistoryFacts(self.last_sequence, self.source.trained_until_unix_s),
            follows=self.follows,
        )


def _tier_candidate(
    layout: ArtifactLayout, content: VectorRows, allowed_loss: float | None
) -> TierCandidate | None:
    """The first tier that came with the encoder, if one did."""
    if allowed_loss is None or not layout.first_tier.is_dir():
        return None
    known = KnownPrompts.from_prompts(content.prompts)
    if layout.known_prompts.is_file():
        # Of rows without text the version before is all that knows the prompts.
        known = known.joined(KnownPrompts.load(layout.known_prompts))
    student, texts = Student.load(layout.first_tier), dict(enumerate(content.prompts))
    return TierCandidate(student, known, texts, allowed_loss)


@dataclass(frozen=True, slots=True)
class CalibrationRows:
    """The rows that may stand in for new prompts when a version is fitted.

    Args:
        all: Every one of them: neighbours are weighted by what they show.
        newest: Those that the calibration follows.
    """

    all: HeldOutRows
    newest: HeldOutRows

    @classmethod
    def from_version(cls, rows: VectorRows, source: EncoderSource, new_rows: int) -> Self:
        """All rows; where the encoder was trained, those that it was not trained on.

        These are the rows reported since, and those that the training kept apart.

        Args:
            rows: Of the version, oldest first.
            source: The encoder that made their vectors.
            new_rows: How many came since the last version.

        Raises:
            InvalidInputError: None may: the live version was trained and kept no prompts.
        """
        head = source.head
        wanted = max(MIN_NEWEST, new_rows)
        if head is None:
            places = np.arange(len(rows))
            return cls(HeldOutRows(places), HeldOutRows(places[-wanted:]))
        places = np.flatnonzero(not_trained_on(rows, source))
        if not len(places):
            raise InvalidInputError(
                "no row can be predicted as a new prompt: the encoder was trained, and of the "
                "rows that it was not trained on no prompt was kept. Keep prompts, or build anew"
            )
        prompts, models = rows.prompts, rows.models

        def held_out(chosen: IntVector) -> HeldOutRows:
            atoms = head.atoms(
                rows.vectors[chosen], [prompts[i] for i in chosen], [models[i] for i in chosen]
            )
            return HeldOutRows(chosen, atoms)

        return cls(held_out(places), held_out(places[-wanted:]))


def not_trained_on(rows: VectorRows, source: EncoderSource) -> BoolVector:
    """Shape (rows,): reported since an encoder was trained, or kept apart from its training.

    Args:
        rows: Any; those without text are never among them.
        source: The encoder, which was trained.
    """
    facts = source.training
    assert facts is not None  # noqa: S101  there is a head
    later = rows.rows.stored_unix_s > source.trained_until_unix_s
    apart = np.zeros(len(rows), bool)
    with_text = rows.with_text
    apart[with_text] = [
        is_validation(record, facts.validation_share, facts.seed) for record in rows.records()
    ]
    return with_text & (later | apart)
