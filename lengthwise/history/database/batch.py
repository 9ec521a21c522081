"""The rows of one commit: numbered, without repetitions, sized."""

from collections.abc import Collection, Iterable, Sequence, Set
from typing import Any

from lengthwise.history.database.completion import VECTOR_TYPE, Appended, Report, storable
from lengthwise.history.database.schema import CompletionRow, completions
from lengthwise.index.record import HistoryRecord, RowKey

ROW_OVERHEAD_BYTES = 128
"""What a row takes beside its texts and vector: numbers, headers, its places in two indexes."""

CONTENT_NAMES = (
    "prompt",
    "model",
    "prompt_chars",
    "output_tokens",
    "max_tokens",
    "temperature",
    "finish_reason",
)
"""What a report says: where a repeated one says something else, one of the two is wrong."""

PLACES = [[column.name for column in completions.c].index(name) for name in CONTENT_NAMES]
"""Where these stand in a row."""

Content = tuple[Any, ...]
"""The values of `CONTENT_NAMES`; the prompt is None where only its vector is kept."""


class Batch:
    """Rows to insert for several reports.

    Args:
        reports: In the order in which they came; of two with one key the first counts.
        first_sequence: Number of the first row.
        now_unix_s: When they are stored, in Unix time.
    """

    def __init__(
        self, reports: Sequence[Report], *, first_sequence: int, now_unix_s: float
    ) -> None:
        self._sequence = first_sequence
        self._now_unix_s = now_unix_s
        self._rows: dict[RowKey, CompletionRow] = {}
        self._standing: dict[RowKey, Content] = {}
        self._repeated: list[list[tuple[RowKey, Content]]] = [[] for _ in reports]
        self._news = [self._take(report, number) for number, report in enumerate(reports)]

    @property
    def rows(self) -> list[CompletionRow]:
        """To be inserted."""
        return list(self._rows.values())

    @property
    def keys(self) -> Set[RowKey]:
        """Caller and id of each row."""
        return self._rows.keys()

    @property
    def last_sequence(self) -> int:
        """Number of the last row; below the first if there are none."""
        return self._sequence - 1

    def drop(self, keys: Collection[RowKey], stored: Iterable[tuple[RowKey, Content]]) -> None:
        """Forget rows that turned out to be stored already.

        Args:
            keys: Caller and id of the rows.
            stored: What is stored of them; others among them do no harm.
        """
        dropped = {key: _content(self._rows.pop(key)) for key in keys}
        self._standing.update((key, content) for key, content in stored if key in dropped)
        for number, new in enumerate(self._news):
            gone = new.keys() & dropped.keys()
            self._repeated[number] += [(key, dropped[key]) for key in gone]
            self._news[number] = {key: new[key] for key in new if key not in gone}

    @property
    def total_bytes(self) -> int:
        """Of all rows."""
        return sum(row[-1] for row in self._rows.values())

    @property
    def outcomes(self) -> list[Appended]:
        """What became of each report, once its rows are committed."""
        return [
            Appended(
                tuple(new.values()),
                len(repeated),
                sum(_differ(content, self._standing[key]) for key, content in repeated),
            )
            for new, repeated in zip(self._news, self._repeated, strict=True)
        ]

    def _take(self, report: Report, number: int) -> dict[RowKey, HistoryRecord]:
        new: dict[RowKey, HistoryRecord] = {}
        vectors = None if report.vectors is None else report.vectors.astype(VECTOR_TYPE)
        for i, record in enumerate(report.records):
            vector = None if vectors is None else vectors[i].tobytes()
            key, row = self._row(record, vector, report.encoder_hash)
            if key in self._rows:
                self._repeated[number].append((key, _content(row)))
                continue
            self._rows[key], self._standing[key] = row, _content(row)
            self._sequence += 1
            new[key] = record
        return new

    def _row(
        self, record: HistoryRecord, vector: bytes | None, encoder_hash: str
    ) -> tuple[RowKey, CompletionRow]:
        name, name_bytes = storable(record.id)
        caller, caller_bytes = storable(record.caller)
        prompt, size = (None, len(vector)) if vector is not None else storable(record.prompt)
        return (caller, name), (
            self._sequence,
            name,
            caller,
            self._now_unix_s,
            storable(record.model)[0],
            prompt,
            len(record.prompt),
            record.output_tokens,
            record.max_tokens,
            record.temperature,
            record.finish_reason,
            vector,
            encoder_hash or None,
            size + name_bytes + caller_bytes + ROW_OVERHEAD_BYTES,
        )


def _content(row: CompletionRow) -> Content:
    return tuple(row[place] for place in PLACES)


def _differ(said: Content, stored: Content) -> bool:
    """Whether a report says something else; a prompt that was not kept is not compared."""
    texts_known = said[0] is not None and stored[0] is not None
    return said[1:] != stored[1:] or (texts_known and said[0] != stored[0])
