"""Histories and rows for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from lengthwise.history.database.completion import Report, StoredCompletion
from lengthwise.history.database.place import Place
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.writer import HistoryWriter
from lengthwise.index.record import HistoryRecord


def record(name: str, **fields) -> HistoryRecord:
    return HistoryRecord(**{"prompt": f"prompt of {name}", "output_tokens": 7, "id": name} | fields)


def records(prefix: str, count: int) -> list[HistoryRecord]:
    return [record(f"{prefix}{i}", output_tokens=i) for i in range(count)]


@contextmanager
def writing(place: str, **options) -> Iterator[HistoryWriter]:
    writer = HistoryWriter.open(Place.parse(place), **options)
    yield writer
    writer.close()


def add(writer: HistoryWriter, *names: str) -> tuple[int, int]:
    (outcome,) = writer.append([Report([record(name) for name in names])])
    return len(outcome.new), outcome.duplicates


def rows(place: str, after: int = 0, **options) -> list[StoredCompletion]:
    with HistoryReader.open(place) as reader:
        return list(reader.rows_after(after, **options))


def ids(place: str, after: int = 0, **options) -> list[str]:
    return [row.request_id for row in rows(place, after, **options)]
