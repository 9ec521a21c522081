"""Rows that came after the build: found at once, until the next build takes them in.

One thread adds while others search. What is searched is a snapshot, which never changes: rows are
written behind the end that every earlier snapshot knows, and when room is made the rows that stay
move to new arrays, while the old ones live on as long as a snapshot looks at them.
"""

import mmap
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.index.arrays import BoolVector, FloatMatrix, IntMatrix, IntVector
from lengthwise.index.decoding import decodings_at
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.record import HistoryRecord, RowKey
from lengthwise.index.search.nearest_rows import nearest_of, nearest_rows

CAPACITY_ROWS = 50_000
"""Rows held by default: with vectors of 384 floats and CAPACITY_CHARS some 140 MB."""

CAPACITY_CHARS = 64 * 2**20
"""Characters of their prompts held by default: a few very long ones must not fill the memory."""

CALLER_SHARE = 1 / 2
"""Of the room, what one of several callers has: none that reports much pushes out the others."""

KEPT_SHARE = 7 / 8
"""Kept when room is made: moving rows costs the same for one dropped as for many."""


@dataclass(frozen=True, slots=True)
class RecentSnapshot:
    """The recent rows as they were at one moment, whatever is added or dropped since.

    Args:
        vectors: Shape (rows, dimension), of unit length.
        log_lengths: Shape (rows,): log(1 + tokens) of each answer.
        censored: Shape (rows,): the true length was longer.
        decodings: Shape (rows,): how each answer's tokens were chosen, see `Decoding`.
        model_codes: Shape (rows,): which of `models` answered.
        models: Names of the LLMs, each with at least one row.
        history: What the rows were made from; may go on beyond the last of them.
    """

    vectors: FloatMatrix
    log_lengths: FloatArray
    censored: BoolVector
    decodings: IntVector
    model_codes: IntVector
    models: tuple[str, ...]
    history: Sequence[HistoryRecord]

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def records(self) -> Sequence[HistoryRecord]:
        """What the rows were made from, oldest first."""
        return self.history[: len(self)]

    def search(
        self, queries: FloatMatrix, k: int, *, model: int | None = None
    ) -> tuple[FloatMatrix, IntMatrix]:
        """The k nearest rows of each query, nearest first, all rows compared.

        Args:
            queries: Shape (queries, dimension), rows of unit length.
            k: How many are wanted of each, at least 1.
            model: Only rows of this LLM (a place in `models`) are searched.

        Returns:
            Cosine similarities and row numbers, of shape (queries, k) or as many as there are.
        """
        if model is None:
            return nearest_rows(self.vectors, queries, k)
        return nearest_of(self.model_codes == model, self.vectors, queries, k)


class RecentRows:
    """Holds the newest rows. Safe to use from several threads.

    When it is full the oldest are dropped, where several callers report those of the one with most
    of the rows first: traffic drifts, so the newest tell more, and reports are kept elsewhere for
    the next build.

    Args:
        capacity_rows: Rows held at most, at least 1.
        capacity_chars: Characters of prompts held, give or take one call of `add`.
    """

    def __init__(
        self, *, capacity_rows: int = CAPACITY_ROWS, capacity_chars: int = CAPACITY_CHARS
    ) -> None:
        if capacity_rows < 1:
            raise InvalidInputError(f"capacity_rows is {capacity_rows}: expected at least 1")
        self._capacity_rows = capacity_rows
        self._capacity_chars = capacity_chars
        self._lock = threading.Lock()
        self._columns: _Columns | None = None
        self._snapshot: RecentSnapshot | None = None

    def __len__(self) -> int:
        return len(self._snapshot) if self._snapshot is not None else 0

    @property
    def snapshot(self) -> RecentSnapshot | None:
        """The rows as they are now; None if there are none."""
        return self._snapshot

    def add(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> int:
        """Add rows, which are found as soon as this returns.

        Args:
            records: Oldest first; those whose key is held already are left out. Without an id
                every one counts.
            vectors: Shape (len(records), dimension), rows of unit length.

        Returns:
            How many were added; the oldest of them may have been dropped again.

        Raises:
            InvalidInputError: Records and vectors do not fit each other or the rows held.
        """
        _require_fitting(records, vectors, self._snapshot)
        with self._lock:
            columns = self._columns or _Columns(self._capacity_rows, vectors.shape[1])
            fresh = columns.not_held(records)
            newest = fresh[-self._capacity_rows :]
            if newest:
                columns = self._with_room(columns, [records[i] for i in newest])
                columns.append([records[i] for i in newest], vectors[newest])
                self._columns, self._snapshot = columns, columns.snapshot()
            return len(fresh)

    def _with_room(self, columns: "_Columns", coming: Sequence[HistoryRecord]) -> "_Columns":
        """The columns, or a copy of the newest of them that leaves room for more."""
        rows, chars = len(coming), sum(len(r.prompt) for r in coming)
        held = columns.records
        if (
            len(held) + rows <= self._capacity_rows
            and columns.chars + chars <= self._capacity_chars
        ):
            return columns
        most_rows = min(int(KEPT_SHARE * self._capacity_rows), self._capacity_rows - rows)
        most_chars = min(int(KEPT_SHARE * self._capacity_chars), self._capacity_chars - chars)
        kept = _newest(held, most_rows=most_rows, most_chars=most_chars)
        roomy = _Columns(self._capacity_rows, columns.vectors.shape[1])
        roomy.append([held[place] for place in kept], columns.vectors[kept])
        return roomy


def _untouched(rows: int, dimension: int) -> FloatMatrix:
    """Room for vectors, which takes memory as they are written, so that much of it costs nothing.

    From the system: of what the allocator hands out again, all would have been written to before,
    and as it hands out some of it to others in between, each new room makes it take more.
    """
    room = mmap.mmap(
        -1,
        max(1, rows * dimension * np.dtype(np.float32).itemsize),
        access=mmap.ACCESS_COPY,  # this process's alone
    )
    return np.frombuffer(room, np.float32, rows * dimension).reshape(rows, dimension)


def _newest(held: Sequence[HistoryRecord], *, most_rows: int, most_chars: int) -> list[int]:
    """Places of the newest rows that fit, ascending; none of several callers has most of them."""
    several = len({record.caller for record in held}) > 1
    most_of_caller = int(CALLER_SHARE * most_rows) if several else most_rows
    of_caller: Counter[str] = Counter()
    kept: list[int] = []
    for place in range(len(held) - 1, -1, -1):
        record = held[place]
        if of_caller[record.caller] >= most_of_caller:
            continue
        most_chars -= len(record.prompt)
        if len(kept) == most_rows or most_chars < 0:
            break
        of_caller[record.caller] += 1
        kept.append(place)
    return kept[::-1]


class _Columns:
    """Arrays that rows are written to one after the other, never over an earlier one."""

    def __init__(self, capacity_rows: int, dimension: int) -> None:
        self.vectors = _untouched(capacity_rows, dimension)
        self.log_lengths: FloatArray = np.empty(capacity_rows, np.float64)
        self.censored: BoolVector = np.empty(capacity_rows, np.bool_)
        self.decodings: IntVector = np.empty(capacity_rows, np.int64)
        self.model_codes: IntVector = np.empty(capacity_rows, np.int64)
        self.records: list[HistoryRecord] = []
        self.chars = 0
        self._keys: set[RowKey] = set()
        self._models: dict[str, int] = {}

    def not_held(self, records: Sequence[HistoryRecord]) -> list[int]:
        """Which records have a key that neither a row nor a record before them has."""
        seen: set[RowKey] = set()
        fresh: list[int] = []
        for i, record in enumerate(records):
            if not record.id or (record.key not in self._keys and record.key not in seen):
                fresh.append(i)
                seen.add(record.key)
        return fresh

    def append(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Write rows behind the last; there must be room."""
        new = slice(len(self.records), len(self.records) + len(records))
        self.vectors[new] = vectors
        self.log_lengths[new] = to_log(np.array([r.output_tokens for r in records]))
        self.censored[new] = [r.censored for r in records]
        self.decodings[new] = decodings_at(r.temperature for r in records)
        self.model_codes[new] = [
            self._models.setdefault(r.model, len(self._models)) for r in records
        ]
        self._keys.update(r.key for r in records)
        self.chars += sum(len(r.prompt) for r in records)
        self.records.extend(records)

    def snapshot(self) -> RecentSnapshot:
        """All rows so far."""
        rows = slice(len(self.records))
        return RecentSnapshot(
            self.vectors[rows],
            self.log_lengths[rows],
            self.censored[rows],
            self.decodings[rows],
            self.model_codes[rows],
            tuple(self._models),
            self.records,
        )


def _require_fitting(
    records: Sequence[HistoryRecord], vectors: FloatMatrix, held: RecentSnapshot | None
) -> None:
    if len(vectors) != len(records):
        raise InvalidInputError(f"{len(vectors)} vectors for {len(records)} records")
    if held is not None and vectors.shape[1] != held.vectors.shape[1]:
        raise InvalidInputError(
            f"vectors have {vectors.shape[1]} dimensions, those held {held.vectors.shape[1]}: "
            "expected vectors of the same encoder"
        )
