"""Rows with their vectors, all in memory, oldest first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntVector
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import SCHEMA, HistoryRows

TIME = SCHEMA.get_field_index("stored_unix_s")
PROMPT = SCHEMA.get_field_index("prompt")


@dataclass(frozen=True)
class VectorRows:
    """Rows as an index holds them.

    Args:
        rows: Their columns, oldest first; the prompt is "" where only its vector is known.
        vectors: Shape (rows, dimension), of unit length.
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
        return self.rows.table.column("model").to_pylist()

    @property
    def with_text(self) -> BoolVector:
        """Shape (rows,): the prompt is known."""
        return np.array([bool(prompt) for prompt in self.prompts], bool)

    @property
    def temperatures(self) -> list[float | None]:
        """Of the sampling of each answer; None where it is not known."""
        return self.rows.table.column("temperature").to_pylist()

    def take(self, places: IntVector) -> "VectorRows":
        """Some of them, in the order given."""
        return VectorRows(self.rows.take(places.tolist()), self.vectors[places])

    def followed_by(self, later: "VectorRows") -> "VectorRows":
        """These and then others, of the same encoder."""
        table = pa.concat_tables([self.rows.table, later.rows.table])
        return VectorRows(HistoryRows(table), np.concatenate([self.vectors, later.vectors]))

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
        return records_of(self.rows)


def records_of(rows: HistoryRows) -> Iterator[HistoryRecord]:
    """Rows with text, as a training takes them."""
    for row in rows.table.to_pylist():
        if row["prompt"]:
            yield HistoryRecord(
                prompt=row["prompt"],
                output_tokens=row["output_tokens"],
                model=row["model"],
                id=row["id"],
                finish_reason="length" if row["censored"] else "stop",
                group=row["group"],
                temperature=row["temperature"],
            )
