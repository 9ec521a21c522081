"""What unique keys promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling import UniqueKeys
from lengthwise.scheduling.keys import INT64_MAX, INT64_MIN

near = st.integers(0, 5) | st.integers(INT64_MIN, INT64_MAX) | st.just(INT64_MAX)


@given(st.lists(near, max_size=200))
def test_no_two_keys_are_equal_and_all_fit_int64(keys):
    unique = UniqueKeys()
    given_out = [unique.unique(key) for key in keys]
    assert len(set(given_out)) == len(keys)
    assert all(INT64_MIN <= key <= INT64_MAX for key in given_out)


def test_a_key_that_is_free_stays_as_it_is():
    unique = UniqueKeys()
    assert [unique.unique(key) for key in (7, -3, 1_700_000_000_000_000)] == [
        *(7, -3, 1_700_000_000_000_000)
    ]


def test_of_equal_keys_the_earlier_goes_first():
    unique = UniqueKeys()
    assert [unique.unique(5) for _ in range(4)] == [5, 6, 7, 8]


def test_a_thousand_times_the_greatest_key_still_ascends():
    unique = UniqueKeys()
    keys = [unique.unique(INT64_MAX) for _ in range(1000)]
    assert keys == sorted(set(keys))
    assert keys[-1] <= INT64_MAX


@given(st.lists(st.integers(0, 5), max_size=100))
def test_a_key_differs_from_as_many_before_it_as_are_remembered(keys):
    unique = UniqueKeys(remembered=4)
    given_out = [unique.unique(key) for key in keys]
    for i, key in enumerate(given_out):
        assert key not in given_out[max(0, i - 4) : i]


def test_remembering_nothing_is_refused():
    with pytest.raises(ValueError, match="remembered is 0"):
        UniqueKeys(remembered=0)
