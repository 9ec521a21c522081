"""What the priority functions and unique keys promise to a queue."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lengthwise.scheduling import UniqueKeys
from lengthwise.scheduling.keys import INT64_MAX, INT64_MIN
from scheduler_client import (
    Prediction,
    ServiceTimeModel,
    Timing,
    aged_key,
    dispatch_order,
    shortest_first_key,
)

times_s = st.floats(min_value=0, allow_nan=False)
arrivals_s = st.floats(allow_nan=False, allow_infinity=False)
weights = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
rates = st.floats(0, 10)
counts = st.floats(0, 1e6)


def prediction_of(expected: float, p50: float, p90: float) -> Prediction:
    return Prediction(
        *("", expected, (0.5, 0.9), (p50, p90), 0.5, "neighbours", 0.9, (), True, "v"),
        timing=Timing(0, 0, 0, 0),
    )


@given(times_s)
def test_a_shortest_first_key_is_an_int_that_int64_holds(time_s):
    key = shortest_first_key(time_s)
    assert type(key) is int
    assert 0 <= key <= INT64_MAX


@given(times_s, times_s)
def test_a_longer_job_never_goes_before_a_shorter_one(one_s, other_s):
    short_s, long_s = sorted([one_s, other_s])
    assert shortest_first_key(short_s) <= shortest_first_key(long_s)


@given(arrivals_s, times_s, weights)
def test_an_aged_key_is_an_int_that_int64_holds(arrival_s, time_s, weight):
    key = aged_key(arrival_s, time_s, weight)
    assert type(key) is int
    assert INT64_MIN <= key <= INT64_MAX


@given(arrivals_s, times_s, times_s, weights)
def test_of_two_that_came_together_the_shorter_goes_first(arrival_s, one_s, other_s, weight):
    short_s, long_s = sorted([one_s, other_s])
    assert aged_key(arrival_s, short_s, weight) <= aged_key(arrival_s, long_s, weight)


@given(arrivals_s, arrivals_s, times_s, weights)
def test_of_two_equally_long_the_earlier_goes_first(one_s, other_s, time_s, weight):
    early_s, late_s = sorted([one_s, other_s])
    assert aged_key(early_s, time_s, weight) <= aged_key(late_s, time_s, weight)


@given(st.floats(1.7e9, 1.8e9), st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 100))
def test_nobody_is_overtaken_by_who_came_later_than_the_weighted_difference(
    arrival_s, time_s, later_time_s, weight
):
    later_s = arrival_s + weight * max(0.0, time_s - later_time_s) + 0.001
    assert aged_key(arrival_s, time_s, weight) < aged_key(later_s, later_time_s, weight)


@given(arrivals_s, times_s)
def test_weight_0_is_first_come_first_served(arrival_s, time_s):
    assert aged_key(arrival_s, time_s, 0) == aged_key(arrival_s, 0)


def test_keys_are_whole_microseconds():
    assert shortest_first_key(1.5) == 1_500_000
    assert aged_key(1_700_000_000.25, 2.0, weight=0.5) == 1_700_000_001_250_000


def test_what_is_too_large_is_clamped_and_so_goes_last():
    assert shortest_first_key(math.inf) == INT64_MAX
    assert shortest_first_key(1e300) == INT64_MAX
    assert aged_key(0, math.inf) == INT64_MAX
    assert aged_key(-1e300, 0) == INT64_MIN


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shortest_first_key(math.nan), "predicted_service_time_s is nan"),
        (lambda: shortest_first_key(-1), "predicted_service_time_s is -1: expected a number of"),
        (lambda: aged_key(math.nan, 1), "arrival_s is nan"),
        (lambda: aged_key(math.inf, 1), "arrival_s is inf"),
        (lambda: aged_key(0, -0.5), "predicted_service_time_s is -0.5"),
        (lambda: aged_key(0, 1, -1), "weight is -1"),
        (lambda: aged_key(0, 1, math.inf), "weight is inf"),
        (lambda: ServiceTimeModel(decode_s_per_output_token=-1), "decode_s_per_output_token is -1"),
        (lambda: ServiceTimeModel(math.nan), "prefill_s_per_input_token is nan"),
        (lambda: ServiceTimeModel().service_time_s(math.nan), "output_tokens is nan"),
        (lambda: ServiceTimeModel().service_time_s(1, -1), "input_tokens is -1"),
    ],
)
def test_what_is_not_a_number_or_negative_is_refused_with_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(st.lists(st.integers(INT64_MIN, INT64_MAX)))
def test_the_dispatch_order_is_by_key_and_stable(keys):
    order = dispatch_order(keys)
    assert sorted(order) == list(range(len(keys)))
    ordered = [(keys[index], index) for index in order]
    assert ordered == sorted(ordered)


def test_the_service_time_is_alises_formula():
    model = ServiceTimeModel(0.001, 0.02, 0.00001)
    # s = 100, n = 50: 100 * 0.001 + 50 * (0.00001 * 100 + 0.02)
    assert model.service_time_s(50, 100) == pytest.approx(1.15)


def test_by_default_a_job_takes_20_ms_per_output_token():
    assert ServiceTimeModel().service_time_s(100, 1000) == pytest.approx(2.0)


@given(st.builds(ServiceTimeModel, rates, rates, rates), counts, counts, counts)
def test_the_service_time_grows_with_the_output(model, inputs, one, other):
    short, long = sorted([one, other])
    assert model.service_time_s(short, inputs) <= model.service_time_s(long, inputs)


def test_a_predictions_service_time_is_of_its_mean_or_of_the_quantile_asked_for():
    prediction = prediction_of(expected=120, p50=100, p90=300)
    model = ServiceTimeModel()
    assert model.predicted_service_time_s(prediction) == pytest.approx(2.4)
    assert model.predicted_service_time_s(prediction, level=0.9) == pytest.approx(6.0)


@given(counts, counts)
def test_keys_of_predictions_order_as_their_lengths_do(one, other):
    assume(abs(one - other) > 1)
    model = ServiceTimeModel()
    keys = [
        shortest_first_key(model.predicted_service_time_s(prediction_of(n, n, n)))
        for n in (one, other)
    ]
    assert (keys[0] < keys[1]) is (one < other)


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
