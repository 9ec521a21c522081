"""Repeats, ratios and percentiles."""

import pytest

from benchmarks.harness.spread import Spread, percentile, ratio_spread


def test_a_spread_is_middle_and_range():
    assert Spread.from_values([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Spread.from_values([])


def test_a_ratio_is_taken_pair_by_pair_so_that_a_slow_minute_cancels_out():
    service, raw = [80.0, 8.0, 40.0], [100.0, 10.0, 50.0]
    assert ratio_spread(service, raw) == Spread(0.8, 0.8, 0.8)


def test_a_ratio_needs_pairs():
    with pytest.raises(ValueError, match="2 values over 1"):
        ratio_spread([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)])
def test_a_percentile_is_linear_between_neighbours(share, expected):
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == pytest.approx(expected)


def test_a_percentile_of_one_value_is_that_value():
    assert percentile([7.0], 0.99) == 7.0


def test_a_percentile_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"share in \[0, 1\]"):
        percentile([1.0], 95)
