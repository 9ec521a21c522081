"""The rows of one commit: numbered, without repetitions, sized."""

from collections.abc import Collection, Sequence

from lengthwise.history.database.completion import VECTOR_TYPE, Appended, Report, storable
from lengthwise.history.database.schema import CompletionRow
from lengthwise.index.record import HistoryRecord

ROW_OVERHEAD_BYTES = 128
"""What a row takes beside its texts and vector: numbers, headers, its places in two indexes."""


class Batch:
    """Rows to insert for several reports.

    Args:
        reports: In the order in which they came; of two with one id the first counts.
        first_sequence: Number of the first row.
        now_unix_s: When they are stored.
    """

    def __init__(
        self, reports: Sequence[Report], *, first_sequence: int, now_unix_s: float
    ) -> None:
        self._reports = reports
        self._sequence = first_sequence
        self._now_unix_s = now_unix_s
        self._rows: dict[str, CompletionRow] = {}
        self._news: list[dict[str, HistoryRecord]] = [self._take(report) for report in reports]

    @property
    def rows(self) -> list[CompletionRow]:
        """To be inserted."""
        return list(self._rows.values())

    @property
    def last_sequence(self) -> int:
        """Number of the last row; below the first if there are none."""
        return self._sequence - 1

    def drop_all_but(self, request_ids: Collection[str]) -> None:
        """Forget the rows that turned out to be stored already."""
        self._rows = {name: self._rows[name] for name in request_ids}
        self._news = [
            {name: record for name, record in new.items() if name in self._rows}
            for new in self._news
        ]

    @property
    def total_bytes(self) -> int:
        """Of all rows."""
        return sum(row[-1] for row in self._rows.values())

    @property
    def outcomes(self) -> list[Appended]:
        """What became of each report, once its rows are committed."""
        return [
            Appended(tuple(new.values()), len(report.records) - len(new))
            for report, new in zip(self._reports, self._news, strict=True)
        ]

    def _take(self, report: Report) -> dict[str, HistoryRecord]:
        new: dict[str, HistoryRecord] = {}
        vectors = None if report.vectors is None else report.vectors.astype(VECTOR_TYPE)
        for i, record in enumerate(report.records):
            name, name_bytes = storable(record.id)
            if name in self._rows:
                continue
            vector = None if vectors is None else vectors[i].tobytes()
            prompt, size = (None, len(vector)) if vector is not None else storable(record.prompt)
            self._rows[name] = (
                self._sequence,
                name,
                self._now_unix_s,
                storable(record.model)[0],
                prompt,
                len(record.prompt),
                record.output_tokens,
                record.max_tokens,
                record.temperature,
                record.finish_reason,
                vector,
                report.encoder_hash or None,
                size + name_bytes + ROW_OVERHEAD_BYTES,
            )
            self._sequence += 1
            new[name] = record
        return new
