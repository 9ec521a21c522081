"""What goes and what stays."""

import pytest

from lengthwise.history.database.batch import ROW_OVERHEAD_BYTES
from lengthwise.history.database.completion import Report
from lengthwise.history.database.reader import HistoryReader
from lengthwise.history.database.retention import OldRow, Retention
from lengthwise.history.database.writer import OLDEST
from tests.lengthwise.history.database.helpers import add, ids, record, records, writing

DAYS = [OldRow(i, stored_unix_s=i * 100.0, row_bytes=10) for i in range(10)]


@pytest.mark.parametrize(
    ("retention", "gone"),
    [
        (Retention(), 0),
        (Retention(max_age_s=1_000), 0),
        (Retention(max_age_s=700), 2),
        (Retention(max_age_s=0), 9),
        (Retention(max_bytes=100), 0),
        (Retention(max_bytes=99), 1),
        (Retention(max_bytes=35), 7),
        (Retention(max_bytes=0), 10),
        (Retention(max_age_s=700, max_bytes=70), 3),
        (Retention(max_age_s=400, max_bytes=70), 5),
    ],
)
def test_rows_go_by_age_and_by_size_whichever_takes_more(retention, gone):
    assert retention.expired(DAYS, kept_bytes=100, now_unix_s=900) == gone


def test_a_row_that_a_clock_put_into_the_future_goes_with_what_was_stored_after_it():
    """Clocks of replicas differ a little, and may be set: order, not age alone, decides."""
    rows = [OldRow(1, 50, 10), OldRow(2, 500, 10), OldRow(3, 60, 10), OldRow(4, 150, 10)]
    assert Retention(max_age_s=100).expired(rows, kept_bytes=40, now_unix_s=200) == 3


def test_rows_of_the_future_are_as_old_as_what_was_stored_after_them():
    rows = [OldRow(1, 500, 10), OldRow(2, 600, 10)]
    for after_unix_s, gone in ((60, 2), (150, 0)):
        found = Retention(max_age_s=100).expired(
            rows, kept_bytes=40, now_unix_s=200, after_unix_s=after_unix_s
        )
        assert found == gone


def test_for_their_age_no_more_go_than_are_asked_for_but_for_their_size_all():
    for most, retention, gone in (
        (3, Retention(max_age_s=0), 3),
        (0, Retention(max_age_s=0), 0),
        (3, Retention(max_age_s=0, max_bytes=50), 5),
    ):
        found = retention.expired(DAYS, kept_bytes=100, now_unix_s=900, most_by_age=most)
        assert found == gone


@pytest.mark.parametrize(
    ("max_age_s", "share"),
    [(30 * 86_400, 24 * 60 / (30 * 86_400)), (600, 1), (0, 1), (None, 1)],
)
def test_a_share_at_a_time_is_a_day_of_rows_within_an_hour(max_age_s, share):
    assert Retention(max_age_s=max_age_s).share_by_age(60) == share


def test_old_rows_leave_the_database(place):
    now_s = 1_000.0
    with writing(place, clock=lambda: now_s) as writer:
        add(writer, "old")
        now_s = 2_000.0
        add(writer, "new")
        assert writer.remove_expired(Retention(max_age_s=1_500)) == 0
        assert writer.remove_expired(Retention(max_age_s=500)) == 1
        assert writer.remove_expired(Retention(max_age_s=500)) == 0
    assert ids(place) == ["new"]


def test_the_oldest_leave_until_the_rest_is_small_enough(place):
    row_bytes = ROW_OVERHEAD_BYTES + 1_000 + len("r0")
    with writing(place) as writer:
        writer.append([Report([record(f"r{i}", prompt="x" * 1_000) for i in range(10)])])
        assert writer.remove_expired(Retention(max_bytes=4 * row_bytes)) == 6
        with HistoryReader.open(place) as reader:
            assert reader.summary().content_bytes == 4 * row_bytes
    assert ids(place) == ["r6", "r7", "r8", "r9"]


def test_much_is_removed_bit_by_bit(place, monkeypatch):
    monkeypatch.setattr("lengthwise.history.database.writer.OLDEST", OLDEST.limit(3))
    with writing(place) as writer:
        writer.append([Report(records("r", 8))])
        removed = [writer.remove_expired(Retention(max_bytes=0)) for _ in range(4)]
    assert removed == [3, 3, 2, 0]
    assert ids(place) == []


def test_more_rows_of_the_future_than_are_looked_at_at_a_time_do_not_stop_those_after_them(
    place, monkeypatch
):
    monkeypatch.setattr("lengthwise.history.database.writer.OLDEST", OLDEST.limit(3))
    now_s = 1_000_000.0
    with writing(place, clock=lambda: now_s) as writer:
        writer.append([Report(records("future", 7))])
        now_s = 1_000.0
        add(writer, "old")
        now_s = 2_000.0
        add(writer, "new")
        assert writer.remove_expired(Retention(max_age_s=1_500)) == 0
        removed = [writer.remove_expired(Retention(max_age_s=500)) for _ in range(4)]
    assert removed == [3, 3, 2, 0]
    assert ids(place) == ["new"]


def test_rows_of_the_future_with_nothing_after_them_stay(place):
    now_s = 1_000_000.0
    with writing(place, clock=lambda: now_s) as writer:
        add(writer, "a", "b")
        now_s = 1_000.0
        assert writer.remove_expired(Retention(max_age_s=500)) == 0
    assert ids(place) == ["a", "b"]


def test_two_who_remove_at_once_do_not_remove_too_much(place):
    limit = Retention(max_bytes=5 * (ROW_OVERHEAD_BYTES + len("prompt of r0") + len("r0")))
    with writing(place) as one, writing(place) as other:
        one.append([Report(records("r", 9))])
        assert one.remove_expired(limit) + other.remove_expired(limit) == 4
    assert ids(place) == ["r4", "r5", "r6", "r7", "r8"]
