"""Which rows are held out: the same each time, about as many as asked for, kin together."""

import numpy as np
import pytest

from lengthwise.history.split import is_held_out
from lengthwise.index.record import HistoryRecord
from tests.lengthwise.index.fakes import Source


def test_about_the_share_asked_for_is_held_out_and_the_same_rows_each_time():
    records = [HistoryRecord(f"prompt {i}", 1) for i in range(2_000)]
    first = [is_held_out(r, 0.2) for r in records]
    assert np.mean(first) == pytest.approx(0.2, abs=0.03)
    assert first == [is_held_out(r, 0.2) for r in records]
    assert first != [is_held_out(r, 0.2, seed=1) for r in records]


def test_rows_of_one_group_or_one_prompt_are_held_out_together():
    by_group = Source(HistoryRecord(f"p{i}", i, group=f"g{i // 10}") for i in range(500))
    by_prompt = Source(HistoryRecord(f"p{i // 10}", i) for i in range(500))
    for records in (by_group, by_prompt):
        sides = [is_held_out(r, 0.5) for r in records]
        assert all(len(set(sides[i : i + 10])) == 1 for i in range(0, 500, 10))
        assert set(sides) == {True, False}
