"""An index's columns give back what went into them."""

from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows

RECORDS = [
    HistoryRecord("a", 5, "m", "1", group="g", temperature=0.5),
    HistoryRecord("b", 6, "", "2", finish_reason="length"),
]


def test_rows_come_back_as_the_records_that_they_were():
    assert list(HistoryRows.from_records(RECORDS).records()) == RECORDS


def test_rows_without_text_are_no_records():
    rows = HistoryRows.from_records(RECORDS)
    table = rows.table.set_column(5, "prompt", [["a", ""]])
    assert list(HistoryRows(table).records()) == RECORDS[:1]
    assert HistoryRows(table).with_text.tolist() == [True, False]
