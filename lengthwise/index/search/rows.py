"""The rows of an index as columns: what retrieval looks up once it knows which rows are near."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lengthwise.index.arrays import BoolVector, IntVector
from lengthwise.index.decoding import Decoding
from lengthwise.index.errors import ArtifactAlteredError
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord, RowKey
from lengthwise.index.search.texts import take_texts
from lengthwise.index.summary import ModelSummary

SCHEMA: pa.Schema = pa.schema(
    [
        ("id", pa.string()),
        ("model", pa.dictionary(pa.int32(), pa.string())),
        ("output_tokens", pa.int64()),
        ("censored", pa.bool_()),
        ("group", pa.string()),
        ("prompt", pa.string()),
        ("stored_unix_s", pa.float64()),
        ("temperature", pa.float64()),
        ("caller", pa.string()),
    ]
)
"""`stored_unix_s` is when a completion was reported; 0 where that is not known, as in rows read
from files. `temperature` is that of the sampling; null where it is not known. `caller` reported it;
empty or null where that is not known. Artifacts from before there were such columns are read as if
nothing were known."""

LONGEST_LEVEL = 0.999
"""Of an LLM's lengths: above all but the freaks, of which there are some in every history."""

MIN_LONGEST_ROWS = 50
"""Fewer rows of an LLM say nothing of how long its answers get."""


def rows_to_table(records: Sequence[HistoryRecord], *, keep_text: bool) -> Any:
    """Arrow table of some records; without `keep_text` the prompts stay out (empty strings)."""
    columns = [
        [r.id for r in records],
        [r.model for r in records],
        [r.output_tokens for r in records],
        [r.censored for r in records],
        [r.group for r in records],
        [r.prompt if keep_text else "" for r in records],
        [0.0] * len(records),
        [r.temperature for r in records],
        [r.caller for r in records],
    ]
    return columns_to_table(columns)


def columns_to_table(columns: Sequence[Sequence[object]]) -> Any:
    """Arrow table of columns in the order of SCHEMA, all of one length."""
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


@dataclass(frozen=True)
class HistoryRows:
    """Columns of an index, row i belonging to vector i.

    Args:
        table: As laid out in SCHEMA.
    """

    table: pa.Table

    @classmethod
    def read(cls, path: Path) -> "HistoryRows":
        """Read an artifact's rows.

        Raises:
            ArtifactAlteredError: The file is not what a build writes.
        """
        try:
            return cls(pq.read_table(path, schema=SCHEMA))
        except (pa.ArrowException, OSError) as error:
            raise ArtifactAlteredError(f"{path} is not a readable Parquet file: {error}") from error

    @classmethod
    def from_records(cls, records: Iterable[HistoryRecord]) -> "HistoryRows":
        """Columns of records that are all in memory."""
        return cls(rows_to_table(list(records), keep_text=True))

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def output_tokens(self) -> IntVector:
        """Shape (rows,), in tokens."""
        return self.table.column("output_tokens").to_numpy()

    @cached_property
    def censored(self) -> BoolVector:
        """Shape (rows,): the true length was longer."""
        return np.asarray(self.table.column("censored").to_numpy(zero_copy_only=False), bool)

    @cached_property
    def stored_unix_s(self) -> FloatArray:
        """Shape (rows,): when each was reported; 0 where that is not known."""
        column = self.table.column("stored_unix_s").to_numpy(zero_copy_only=False)
        return np.nan_to_num(np.asarray(column, float))

    @cached_property
    def decodings(self) -> IntVector:
        """Shape (rows,): how each answer's tokens were chosen, see `Decoding`."""
        column = self.table.column("temperature").to_numpy(zero_copy_only=False)
        temperatures = np.asarray(column, float)
        known = np.where(temperatures == 0, Decoding.GREEDY, Decoding.SAMPLED)
        return np.where(np.isnan(temperatures), Decoding.UNKNOWN, known)

    @cached_property
    def _model_dictionary(self) -> Any:
        column: Any = self.table.unify_dictionaries().column("model").combine_chunks()
        return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the LLMs; `model_codes` points into it."""
        return tuple(self._model_dictionary.dictionary.to_pylist())

    @cached_property
    def model_codes(self) -> IntVector:
        """Shape (rows,): which of `models` answered."""
        return self._model_dictionary.indices.to_numpy().astype(np.int64)

    def by_model(self) -> Iterator[tuple[str, IntVector]]:
        """The name of each LLM, and the numbers of its rows, ascending."""
        # Sorted once, so that ten thousand LLMs do not each look through all rows.
        order = np.argsort(self.model_codes, kind="stable")
        counts = np.bincount(self.model_codes, minlength=len(self.models))
        return zip(self.models, np.split(order, np.cumsum(counts)[:-1]), strict=True)

    @cached_property
    def group_codes(self) -> IntVector:
        """Shape (rows,): rows of one group share a code; -1 for rows without a group."""
        encoded = self.table.column("group").combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy().astype(np.int64)
        names = encoded.dictionary.to_pylist()
        return np.where(codes == names.index(""), -1, codes) if "" in names else codes

    @property
    def prompt_codes(self) -> IntVector:
        """Shape (rows,): rows that share a prompt share a code; those without text share none."""
        nothing = np.zeros(len(self), np.int64)
        return repeat_codes(self.table.column("prompt"), nothing, nothing)

    @cached_property
    def repeat_codes(self) -> IntVector:
        """Shape (rows,): rows that share prompt, LLM and decoding share a code."""
        return repeat_codes(self.table.column("prompt"), self.model_codes, self.decodings)

    @cached_property
    def repeat_counts(self) -> IntVector:
        """Shape (rows,): how many rows share a row's code, itself among them."""
        return repeat_counts(self.repeat_codes)

    @cached_property
    def longest_tokens(self) -> list[int | None]:
        """The length that one answer in a thousand exceeds, by LLM; None where rows are too few."""
        found: list[int | None] = []
        for code in range(len(self.models)):
            tokens = self.output_tokens[self.model_codes == code]
            few = len(tokens) < MIN_LONGEST_ROWS
            found.append(None if few else int(np.quantile(tokens, LONGEST_LEVEL, method="higher")))
        return found

    def take(self, rows: Sequence[int] | IntVector) -> "HistoryRows":
        """Some rows, in the order given."""
        places = np.asarray(rows, np.int64)
        prompt = SCHEMA.get_field_index("prompt")
        others = self.table.remove_column(prompt).take(pa.array(places))
        texts = take_texts(self.table.column(prompt), places)
        return HistoryRows(others.add_column(prompt, SCHEMA[prompt], texts))

    @cached_property
    def with_text(self) -> BoolVector:
        """Shape (rows,): the prompt's text is known, and not its vector alone."""
        binary_length = pc.binary_length  # pyright: ignore[reportAttributeAccessIssue]  not in the stubs
        lengths = binary_length(self.table.column("prompt"))
        return lengths.to_numpy(zero_copy_only=False) > 0

    def records(self) -> Iterator[HistoryRecord]:
        """Rows with text as the records that they were, without limits and further draws."""
        for row in self.table.to_pylist():
            if row["prompt"]:
                yield HistoryRecord(
                    prompt=row["prompt"],
                    output_tokens=row["output_tokens"],
                    model=row["model"],
                    id=row["id"],
                    finish_reason="length" if row["censored"] else "stop",
                    group=row["group"],
                    temperature=row["temperature"],
                    caller=row["caller"] or "",
                )

    def id(self, row: int) -> str:
        """The row's id in the history."""
        return self._ids[row].as_py()

    @cached_property
    def _ids(self) -> Any:
        # Kept: to ask the table for its column takes longer than to look up a row of it.
        return self.table.column("id")

    @cached_property
    def callers(self) -> tuple[str, ...]:
        """Who reported each row; "" where that is not known."""
        # Each name once in memory, however many rows bear it.
        encoded = self.table.column("caller").fill_null("").combine_chunks().dictionary_encode()
        names: list[str] = encoded.dictionary.to_pylist()
        return tuple(names[code] for code in encoded.indices.to_pylist())

    def holding(self, keys: Collection[RowKey]) -> frozenset[RowKey]:
        """Those of some keys that a row has.

        A row whose caller is not known, as in an artifact from before callers were, has every
        caller's key of its id.
        """
        is_in = pc.is_in  # pyright: ignore[reportAttributeAccessIssue]  absent from the stubs
        ids = pa.array([name for _, name in keys], pa.string())
        found: Any = self.table.select(["caller", "id"]).filter(
            is_in(self.table.column("id"), value_set=ids)
        )
        held = {(row["caller"] or "", row["id"]) for row in found.to_pylist()}
        return frozenset(key for key in keys if key in held or ("", key[1]) in held)

    def model(self, row: int) -> str:
        """The LLM that answered."""
        return self.models[self.model_codes[row]]

    def prompt(self, row: int) -> str:
        """The prompt's text, or "" where the index was built without it."""
        return self.table.column("prompt")[row].as_py()

    def summaries(self) -> tuple[ModelSummary, ...]:
        """One per LLM, most rows first."""
        tokens = self.output_tokens
        found = [_summary(name, tokens[rows]) for name, rows in self.by_model() if rows.size]
        return tuple(sorted(found, key=lambda s: (-s.rows, s.model)))


def _summary(model: str, lengths: IntVector) -> ModelSummary:
    median, p90 = np.quantile(lengths, [0.5, 0.9])
    return ModelSummary(model, int(lengths.size), float(median), float(p90))


def repeat_codes(prompts: Any, model_codes: IntVector, decodings: IntVector) -> IntVector:
    """Give one code to rows that share prompt, LLM and decoding.

    Args:
        prompts: Arrow column of texts. Rows without one, of indexes that keep no text, are told
            apart: nothing says that they are the same.
        model_codes: Shape (rows,): the LLM that answered.
        decodings: Shape (rows,): how the answer's tokens were chosen.

    Returns:
        Shape (rows,).
    """
    # Offsets of 64 bits, since all prompts together may be over 2 GiB.
    texts: Any = prompts.cast(pa.large_string()).combine_chunks()
    encoded = (texts.chunk(0) if isinstance(texts, pa.ChunkedArray) else texts).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    index = pc.index  # pyright: ignore[reportAttributeAccessIssue]  absent from the stubs
    empty = index(encoded.dictionary, pa.scalar("", pa.large_string())).as_py()
    codes = np.where(codes == empty, len(codes) + np.arange(len(codes)), codes)
    for other in (model_codes, decodings):
        codes = codes * (int(other.max(initial=0)) + 2) + other + 1
    return codes


def repeat_counts(codes: IntVector) -> IntVector:
    """Give for each row how many rows have its code, itself among them; shape (rows,)."""
    _, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return counts[places.reshape(-1)]


def first_of_each(codes: IntVector) -> BoolVector:
    """Tell the first row of each code; shape (rows,)."""
    first = np.zeros(len(codes), bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return first
