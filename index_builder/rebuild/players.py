"""Which rows stand in for new prompts when a version is fitted."""

from dataclasses import dataclass

import numpy as np

from index_builder.build.split import is_validation
from index_builder.rebuild.source import EncoderSource
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import BoolVector, IntVector
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.fitting import Players

MIN_NEWEST = 200
"""Fewer would leave the calibration to chance, more would describe the traffic of before."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The rows that may play new prompts.

    Args:
        all: Every one of them: neighbours are weighted by what they show.
        newest: Those that the calibration follows.
    """

    all: Players
    newest: Players

    @classmethod
    def of(cls, rows: VectorRows, source: EncoderSource, new_rows: int) -> "Cast":
        """All rows; where the encoder was trained, those that it was not trained on.

        These are the rows reported since, and those that the training kept apart.

        Args:
            rows: Of the version, oldest first.
            source: Its encoder.
            new_rows: How many came since the last version.

        Raises:
            InvalidInputError: None may: the live version was trained and kept no prompts.
        """
        head = source.head
        wanted = max(MIN_NEWEST, new_rows)
        if head is None:
            places = np.arange(len(rows))
            return cls(Players(places), Players(places[-wanted:]))
        places = np.flatnonzero(_not_trained_on(rows, source))
        if not len(places):
            raise InvalidInputError(
                "no row can be predicted as a new prompt: the encoder was trained, and of the "
                "rows that it was not trained on no prompt was kept. Keep prompts, or build anew"
            )
        prompts, models = rows.prompts, rows.models

        def players(chosen: IntVector) -> Players:
            atoms = head.atoms(
                rows.vectors[chosen], [prompts[i] for i in chosen], [models[i] for i in chosen]
            )
            return Players(chosen, atoms)

        return cls(players(places), players(places[-wanted:]))


def _not_trained_on(rows: VectorRows, source: EncoderSource) -> BoolVector:
    facts = source.training
    assert facts is not None  # noqa: S101  there is a head
    later = rows.rows.stored_unix_s > source.trained_until_unix_s
    apart = np.zeros(len(rows), bool)
    with_text = rows.with_text
    apart[with_text] = [
        is_validation(record, facts.validation_share, facts.seed) for record in rows.records()
    ]
    return with_text & (later | apart)
