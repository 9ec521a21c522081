"""Rows with their vectors, oldest first."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa

from index_builder.build.encoding import encode_unique
from index_builder.rebuild.progress import RoundProgress
from lengthwise.index.arrays import BoolVector, FloatMatrix, FloatVector, IntVector
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import EncoderError
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.mapped import blank, gathered, in_pieces, release, taken
from lengthwise.index.search.rows import SCHEMA, HistoryRows

TIME, PROMPT = SCHEMA.get_field_index("stored_unix_s"), SCHEMA.get_field_index("prompt")
"""Where these columns stand, which are replaced in some tables."""

ENCODED_AT_A_TIME = 1_024
"""Prompts: enough to sort by length within, little enough to stop soon."""


@dataclass(frozen=True)
class VectorRows:
    """Rows as an index holds them.

    Args:
        rows: Columns of the rows, oldest first; the prompt is "" where only its vector is known.
        vectors: Shape (rows, dimension), of unit length; mapped where they are many.
    """

    rows: HistoryRows
    vectors: FloatMatrix

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.vectors):
            raise ValueError(f"{len(self.vectors)} vectors for {len(self.rows)} rows")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def prompts(self) -> list[str]:
        """Their texts, "" where they are not known."""
        return self.rows.table.column(PROMPT).to_pylist()

    @property
    def models(self) -> list[str]:
        """The LLM that answered each."""
        names = self.rows.models
        return [names[code] for code in self.rows.model_codes.tolist()]

    @property
    def with_text(self) -> BoolVector:
        """Shape (rows,): the prompt is known."""
        return self.rows.with_text

    @cached_property
    def finite(self) -> BoolVector:
        """Shape (rows,): the encoder gave a vector of finite numbers."""
        found = [np.isfinite(piece).all(axis=1) for piece in in_pieces(self.vectors)]
        return np.concatenate([np.zeros(0, bool), *found])

    @property
    def temperatures(self) -> list[float | None]:
        """Of the sampling of each answer; None where it is not known."""
        return self.rows.table.column("temperature").to_pylist()

    def reported_by(self, callers: Collection[str]) -> BoolVector:
        """Shape (rows,): one of some callers reported it."""
        return np.array([caller in callers for caller in self.rows.callers], bool)

    def not_of(self, callers: Collection[str]) -> "VectorRows":
        """Those that none of some callers reported."""
        return self.take(np.flatnonzero(~self.reported_by(callers))) if callers else self

    def with_finite_vectors(self, encoder: Encoder) -> "VectorRows":
        """Those that an encoder gave such a vector.

        Raises:
            EncoderError: It gave none at all.
        """
        finite = self.finite
        if finite.all():
            return self
        if not finite.any():
            raise EncoderError(
                f"encoder {encoder.name!r} gave a finite vector for none of {len(self):,} rows: "
                "expected one for each"
            )
        return self.take(np.flatnonzero(finite))

    def take(self, places: IntVector) -> "VectorRows":
        """Some of them, in the order given."""
        return VectorRows(self.rows.take(places), taken(self.vectors, places))

    def followed_by(self, later: "VectorRows") -> "VectorRows":
        """These and then others, of the same encoder."""
        table = pa.concat_tables([self.rows.table, later.rows.table])
        both = chain(in_pieces(self.vectors), in_pieces(later.vectors))
        return VectorRows(HistoryRows(table), gathered(both, len(self) + len(later)))

    def reported_at_latest(self, unix_s: float) -> "VectorRows":
        """The same, with a time for those of which none is known."""
        known = self.rows.stored_unix_s
        times = pa.array(np.where(known > 0, known, unix_s), pa.float64())
        return VectorRows(
            HistoryRows(self.rows.table.set_column(TIME, SCHEMA[TIME], times)), self.vectors
        )

    def without_text(self) -> HistoryRows:
        """Their columns, all prompts left out."""
        empty = pa.array([""] * len(self), pa.string())
        return HistoryRows(self.rows.table.set_column(PROMPT, SCHEMA[PROMPT], empty))

    def records(self) -> Iterator[HistoryRecord]:
        """Those with text."""
        return self.rows.records()


def encoded(
    rows: HistoryRows,
    encoder: Encoder,
    progress: RoundProgress,
    *,
    given: Mapping[int, FloatVector] | None = None,
) -> VectorRows:
    """Rows with their vectors; those that came with one keep it.

    Args:
        rows: Columns of the rows, with the prompts of those that came without a vector.
        encoder: Makes the vectors that are not given.
        progress: Is told how many more were encoded, and may end the round.
        given: Vectors that are known, by place, of that encoder.

    Returns:
        All rows; of some the vector may not be finite, see `VectorRows.finite`.

    Raises:
        EncoderError: The encoder gave something other than a vector for each.
    """
    given = given or {}
    vectors = blank(len(rows), encoder.dimension)
    for place, vector in given.items():
        # Stored in 16 bits, it is of unit length no more.
        vectors[place] = vector / max(float(np.linalg.norm(vector)), 1e-9)
    prompts: list[str] = rows.table.column(PROMPT).to_pylist()
    missing = [place for place in range(len(rows)) if place not in given]
    for start in range(0, len(missing), ENCODED_AT_A_TIME):
        places = missing[start : start + ENCODED_AT_A_TIME]
        asked = [prompts[place] for place in places]
        vectors[places] = encode_unique(encoder, asked, finite=False)
        release(vectors)
        progress.rows(len(places))
    return VectorRows(rows, vectors)


def encoded_anew(rows: VectorRows, encoder: Encoder, progress: RoundProgress) -> VectorRows:
    """Rows in another encoder's space; those without text cannot come along."""
    texts = rows.take(np.flatnonzero(rows.with_text))
    return encoded(texts.rows, encoder, progress)
