"""A part: some rows of a history with their vectors, in a Parquet file that says what it is."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from index_builder.build.encoded_rows import EncodedChunk
from index_builder.distributed.place import Place
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.manifest import EncoderIdentity

PART_FORMAT = 1
"""Raised when parts are laid out anew."""

FACTS_KEY = b"lengthwise.part"
"""Of what a part says of itself, among the metadata of its Parquet schema."""

ROW_FIELDS = [
    pa.field("id", pa.string()),
    pa.field("model", pa.string()),
    pa.field("prompt", pa.string()),
    pa.field("output_tokens", pa.int64()),
    pa.field("finish_reason", pa.string()),
    pa.field("group", pa.string()),
    pa.field("samples", pa.list_(pa.int64())),
    pa.field("max_tokens", pa.int64()),
    pa.field("temperature", pa.float64()),
]
"""A record, field by field: what a build makes of a part is what it makes of the history itself."""

VECTOR = "vector"
"""Column of the vectors, each a list of float32."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a part says of itself.

    Args:
        file: Number of the file in the plan that its rows come from.
        chunk: Number of the part within the file.
        source: Path or URL of that file.
        source_bytes: Size of that file when it was read, in bytes.
        rows_read: Rows that it was made of, those without a vector among them.
        encoder: What made the vectors, with the hash of its weights.
        runtime: How that ran: device, precision, path. Vectors of others differ in their last bits.
    """

    file: int
    chunk: int
    source: str
    source_bytes: int
    rows_read: int
    encoder: EncoderIdentity
    runtime: str

    @property
    def name(self) -> str:
        """Of the part's file, so that the order of names is that of the history."""
        return part_name(self.file, self.chunk)

    def to_json(self) -> bytes:
        """As a part carries it."""
        return json.dumps({"format": PART_FORMAT, **asdict(self)}).encode()

    @classmethod
    def from_schema(cls, schema: Any, where: str) -> "PartFacts":
        """Read what a part says of itself.

        Args:
            schema: Of its Parquet file, whose metadata tells them.
            where: What to call it in an error.

        Raises:
            InvalidInputError: It is no part, or one of another release.
        """
        try:
            content: dict[str, Any] = json.loads((schema.metadata or {})[FACTS_KEY])
            if content.pop("format") != PART_FORMAT:
                raise InvalidInputError(
                    f"{where} was written by another release of Lengthwise: encode again"
                )
            encoder = EncoderIdentity(**content.pop("encoder"))
            return cls(encoder=encoder, **content)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise InvalidInputError(f"{where} is no part of an encoded history") from error


def part_name(file: int, chunk: int) -> str:
    """Name of a part's file below the folder of its encoding."""
    return f"parts/{file:06d}-{chunk:06d}.parquet"


def write_part(place: Place, facts: PartFacts, chunk: EncodedChunk) -> None:
    """Write a part, whole or not at all.

    Raises:
        StoreError: It cannot be written.
    """
    rows = [[getattr(record, f.name) for record in chunk.records] for f in ROW_FIELDS]
    columns = [pa.array(v, f.type) for v, f in zip(rows, ROW_FIELDS, strict=True)]
    dimension = facts.encoder.dimension
    flat = pa.array(np.ascontiguousarray(chunk.vectors, np.float32).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, dimension)
    schema = pa.schema(
        [*ROW_FIELDS, pa.field(VECTOR, vectors.type)], metadata={FACTS_KEY: facts.to_json()}
    )
    table = pa.Table.from_arrays([*columns, vectors], schema=schema)
    sink = pa.BufferOutputStream()
    texts = ["id", "model", "finish_reason", "group"]
    compression = dict.fromkeys(_leaves(schema), "zstd") | {f"{VECTOR}.list.element": "none"}
    options: dict[str, Any] = {"compression": compression, "use_dictionary": texts}
    pq.write_table(table, sink, **options)
    place.write(facts.name, sink.getvalue())


def _leaves(schema: Any) -> list[str]:
    lists = {field.name for field in schema if not pa.types.is_primitive(field.type)}
    lists -= {field.name for field in schema if pa.types.is_string(field.type)}
    return [f"{name}.list.element" if name in lists else name for name in schema.names]


def facts_of(place: Place, name: str) -> PartFacts | None:
    """What a part says of itself; None if there is none of that name, or not a whole one."""
    file = place.open(name)
    if file is None:
        return None
    with file:
        try:
            return PartFacts.from_schema(pq.read_schema(file), f"{place.text}/{name}")
        except (pa.ArrowInvalid, InvalidInputError):
            return None


def read_part(place: Place, name: str) -> tuple[PartFacts, EncodedChunk]:
    """Read a part.

    Raises:
        InvalidInputError: It is missing, damaged, or no part.
    """
    where = f"{place.text}/{name}"
    content = place.read(name)
    if content is None:
        raise InvalidInputError(f"{where} is missing: run the same encode command again")
    try:
        table = pq.read_table(pa.BufferReader(content))
    except pa.ArrowInvalid as error:
        raise InvalidInputError(f"{where} is not a whole Parquet file: {error}") from error
    facts = PartFacts.from_schema(table.schema, where)
    missing = [n for n in (*(f.name for f in ROW_FIELDS), VECTOR) if n not in table.column_names]
    if missing:
        raise InvalidInputError(f"{where} has no column {', '.join(missing)}: encode again")
    flat: Any = table.column(VECTOR).combine_chunks().flatten()
    vectors = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32)
    expected = table.num_rows * facts.encoder.dimension
    if len(vectors) != expected:
        raise InvalidInputError(
            f"{where} has {len(vectors):,} numbers in its vectors: expected {expected:,}, "
            f"{facts.encoder.dimension} for each of {table.num_rows:,} rows"
        )
    columns = [table.column(field.name).to_pylist() for field in ROW_FIELDS]
    names = [field.name for field in ROW_FIELDS]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    vectors = vectors.reshape(-1, facts.encoder.dimension)
    return facts, EncodedChunk([_record(row) for row in rows], vectors, facts.rows_read)


def _record(row: dict[str, Any]) -> HistoryRecord:
    return HistoryRecord(samples=tuple(row.pop("samples") or ()), **row)
