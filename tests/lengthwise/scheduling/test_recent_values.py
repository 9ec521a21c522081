"""What a sliding window of values promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling.recent_values import RecentValues

streams = st.lists(st.integers(-5, 5) | st.floats(0, 1e6), min_size=1, max_size=60)


@given(streams, st.integers(1, 20), st.floats(0, 1))
def test_quantiles_and_ranks_are_those_of_the_latest_values(stream, window, level):
    recent = RecentValues(window)
    for value in stream:
        recent.add(value)
    latest = sorted(stream[-window:])
    assert len(recent) == len(latest)
    assert recent.quantile(level) == latest[min(int(level * len(latest)), len(latest) - 1)]
    less = sum(value < stream[-1] for value in latest)
    equal = sum(value == stream[-1] for value in latest)
    assert recent.rank(stream[-1]) == pytest.approx((less + equal / 2) / len(latest))
    assert recent.at_or_under(stream[-1]) == less + equal


def test_before_the_first_value_nothing_can_be_asked():
    for ask in (RecentValues().quantile, RecentValues().rank):
        with pytest.raises(ValueError, match="no values yet"):
            ask(0.5)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="window is 0"):
        RecentValues(0)
