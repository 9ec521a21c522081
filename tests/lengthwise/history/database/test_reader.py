"""Reading in order, page by page, beside a writer."""

import pytest

from lengthwise.history.database import reader as reader_module
from lengthwise.history.database.completion import Report, storable
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.retention import Retention
from tests.lengthwise.history.database.helpers import add, ids, record, records, rows, writing


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(reader_module, "PAGE_ROWS", 4)
    monkeypatch.setattr(reader_module, "PAGE_BYTES", 2_000)


def test_rows_come_in_order_over_many_pages(place, small_pages):
    with writing(place) as writer:
        writer.append([Report(records("r", 30))])
    assert ids(place) == [f"r{i}" for i in range(30)]


def test_a_page_of_long_prompts_holds_few_of_them(place, small_pages):
    with writing(place) as writer:
        writer.append([Report([record(f"l{i}", prompt="x" * 1_500) for i in range(5)])])
        with HistoryReader.open(place) as reader, reader._transaction() as connection:
            assert reader._page_end(connection, 0, None) == 1
    assert len(ids(place)) == 5


def test_reading_goes_on_where_it_ended(place, small_pages):
    with writing(place) as writer:
        add(writer, "a", "b")
        last = rows(place)[-1].sequence
        assert ids(place, last) == []
        add(writer, "b", "c", "d")
        assert ids(place, last) == ["c", "d"]


def test_reading_ends_at_a_number_if_told_to(place, small_pages):
    with writing(place) as writer:
        writer.append([Report(records("r", 10))])
        numbers = [row.sequence for row in rows(place)]
        writer.append([Report(records("later", 3))])
    assert ids(place, numbers[1], up_to=numbers[-1]) == [f"r{i}" for i in range(2, 10)]


def test_the_newest_rows_can_be_told_from_the_rest(place):
    with writing(place) as writer:
        writer.append([Report(records("r", 10))])
        with HistoryReader.open(place) as reader:
            before = reader.sequence_before_newest(3)
            assert [row.request_id for row in reader.rows_after(before)] == ["r7", "r8", "r9"]
            assert reader.sequence_before_newest(10) == 0
            assert reader.sequence_before_newest(99) == 0


def test_a_long_reading_holds_up_neither_writer_nor_retention(place, small_pages):
    with writing(place) as writer:
        writer.append([Report(records("r", 12))])
        with HistoryReader.open(place) as reader:
            reading = reader.rows_after()
            first = [next(reading).request_id for _ in range(3)]
            add(writer, "meanwhile")
            writer.remove_expired(Retention(max_bytes=1_000))
            rest = [row.request_id for row in reading]
    assert first == ["r0", "r1", "r2"]
    assert rest[0] == "r3", "of the page that was read already"
    assert rest[-2:] == ["r11", "meanwhile"]
    assert len(rest) < 10, "what was removed is left out"


@pytest.mark.parametrize(
    ("given", "stored", "size"),
    [
        ("plain", "plain", 5),
        ("naïve", "naïve", 6),
        ("a\x00b", "a�b", 5),
        ("\ud83e\udd8a", "🦊", 4),
        ("half \ud83e", "half �", 8),
        ("", "", 0),
    ],
)
def test_text_becomes_what_every_database_takes(given, stored, size):
    assert storable(given) == (stored, size)
