"""Rows with their vectors, chunk by chunk: encoded here as they are read, or elsewhere before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from index_builder.build.encoding import encode_unique, usable_rows
from lengthwise.history.files import OnError
from lengthwise.history.records import RecordSource, chunks_of
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.store.manifest import EncoderIdentity

CHUNK_ROWS = 8192
"""Rows encoded at a time: enough to sort by length within, little enough to forget.

The last bits of a vector may depend on what is encoded beside it. So whoever encodes a history,
here or on many machines, cuts it into the same chunks."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Some rows, in the history's order.

    Args:
        records: Those that have a vector.
        vectors: Shape (len(records), dimension), of unit length.
        rows_read: Rows that it was made of, those without a vector among them.
    """

    records: list[HistoryRecord]
    vectors: FloatMatrix
    rows_read: int


class EncodedRows(Protocol):
    """All rows of a history with their vectors; its other properties hold once all are read."""

    @property
    def stage(self) -> str:
        """What taking the rows is: "encode" or "read", as progress names it."""
        ...

    def __iter__(self) -> Iterator[EncodedChunk]:
        """The chunks, in the order of the history."""
        ...

    @property
    def encoder(self) -> EncoderIdentity:
        """The encoder that made the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the history's records."""
        ...

    @property
    def skipped_rows(self) -> int:
        """Rows left out because they cannot be read, or got no vector."""
        ...

    @property
    def unselected(self) -> Sequence[RepeatTable]:
        """Lengths of rows that are of the history and not among these, the newest first."""
        ...


def encode_chunk(encoder: Encoder, records: list[HistoryRecord], on_error: OnError) -> EncodedChunk:
    """Encode a chunk; rows whose prompt gets no finite vector are left out, or stop it.

    Args:
        encoder: Encodes the prompts, each different one once.
        records: One chunk of the history, in its order.
        on_error: "stop" at a row without a vector, or "skip" it.

    Raises:
        EncoderError: Under "stop"; or the encoder gave something other than a vector for each.
    """
    vectors = encode_unique(encoder, [record.prompt for record in records], finite=False)
    usable, vectors = usable_rows(records, vectors, encoder=encoder.name, on_error=on_error)
    return EncodedChunk(usable, vectors, len(records))


class RowsEncodedHere:
    """A history that is encoded while it is read.

    Args:
        history: Where the records come from; read once.
        encoder: Makes the vectors of their prompts.
        on_error: What is done at a row whose prompt gets none.
        skipped_rows: Asked after reading how many rows the reader left out.
    """

    stage = "encode"
    unselected: Sequence[RepeatTable] = ()

    def __init__(
        self,
        history: RecordSource,
        encoder: Encoder,
        on_error: OnError,
        skipped_rows: Callable[[], int] = lambda: 0,
    ) -> None:
        self._history = history
        self._encoder = encoder
        self._on_error: OnError = on_error
        self._skipped_by_reader = skipped_rows
        self._without_vector = 0

    def __iter__(self) -> Iterator[EncodedChunk]:
        self._without_vector = 0
        for records in chunks_of(self._history, CHUNK_ROWS):
            chunk = encode_chunk(self._encoder, records, self._on_error)
            self._without_vector += chunk.rows_read - len(chunk.records)
            yield chunk

    @property
    def encoder(self) -> EncoderIdentity:
        return EncoderIdentity.from_encoder(self._encoder)

    @property
    def fingerprint(self) -> str:
        return self._history.fingerprint

    @property
    def skipped_rows(self) -> int:
        return self._skipped_by_reader() + self._without_vector
