"""The parts of a decision: sums of lengths, capacity, waiting, occupancy, deadlines, classes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.batch import batch_need, due_work
from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand, length_moments
from autoscaler.core.fleet import PoolInstances
from autoscaler.core.interactive import (
    RunningLength,
    instances_by_backpressure,
    interactive_backpressure,
    occupancy_ahead,
    occupancy_ahead_by_mean,
    restricted_mean,
)
from autoscaler.core.options import DecisionOptions
from autoscaler.core.slo import RequestClass, RequestPromise, Slo
from autoscaler.core.waiting import tokens_quantile, work_s
from autoscaler.errors import InvalidStateError
from lengthwise.length_distribution import LengthDistribution
from tests.autoscaler.states import CAPACITY, NOW_S, group

UNIFORM = LengthDistribution((0.0, 1.0), (0.0, 120.0))
EXPONENTIAL = LengthDistribution(
    tuple(np.linspace(0, 1, 401).tolist()),
    (*(-300 * np.log(1 - np.linspace(0, 1, 401)[:-1])).tolist(), 3_000.0),
)


def test_the_moments_of_a_uniform_length_are_those_of_the_textbook():
    assert length_moments(UNIFORM) == pytest.approx((60.0, 1_200.0))


def test_sums_of_lengths_add_their_means_and_variances_and_keep_the_worst_source():
    both = TokenDemand.from_distributions([UNIFORM] * 3, 30) + TokenDemand.from_mean(
        2, 50, Knowledge.LLM_MEAN
    )
    assert (both.requests, both.mean_tokens, both.input_tokens) == (5, 280.0, 30)
    assert both.variance_tokens2 == pytest.approx(3 * 1_200 + 2 * 2_500)
    assert both.knowledge is Knowledge.LLM_MEAN


@pytest.mark.parametrize("count", [10, 100, 1_000])
def test_nine_of_ten_sums_stay_within_their_ninety_percent_quantile(count):
    rng = np.random.default_rng(count)
    sums = rng.uniform(0, 120, (4_000, count)).sum(axis=1)
    bound = tokens_quantile(TokenDemand.from_distributions([UNIFORM] * count), 0.9)
    assert np.mean(sums <= bound) == pytest.approx(0.9, abs=0.02)


def test_an_instance_is_busy_with_a_queues_prompts_and_its_tokens():
    ahead = TokenDemand(10, 8_000.0, 0.0, 50_000.0)
    # 64 slots give 64 / 0.084 tokens a second; prompts take 0.5 s.
    assert work_s(ahead, CAPACITY, 64, 0.9) == pytest.approx(8_000 * 0.084 / 64 + 0.5)
    assert work_s(TokenDemand(), CAPACITY, 64, 0.9) == 0.0


def test_the_slots_within_an_slo_are_the_largest_batch_that_keeps_it():
    assert CAPACITY.slots_within(0.05) == 30
    assert CAPACITY.slots_within(10.0) == 64
    with pytest.raises(InvalidStateError, match=r"expected at least 0\.021 s"):
        CAPACITY.slots_within(0.02)


def test_an_slo_that_no_instance_can_meet_is_refused_before_anything_runs():
    with pytest.raises(InvalidStateError, match="cannot be met"):
        DecisionOptions(CAPACITY, Slo(itl_s=0.01))


@pytest.mark.parametrize(
    "build",
    [
        lambda: TokenDemand(1, math.nan),
        lambda: TokenDemand(-1),
        lambda: PoolInstances(ready=-1),
        lambda: Slo(ttft_s=0),
        lambda: InstanceCapacity(0, 0.02),
        lambda: DecisionOptions(CAPACITY, utilisation=1.5),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_its_name(build):
    with pytest.raises(InvalidStateError, match=r"\w+ is "):
        build()


def test_the_mean_of_a_length_cut_off_beyond_its_end_is_the_mean():
    assert restricted_mean(UNIFORM, 1e9) == pytest.approx(UNIFORM.mean())
    assert restricted_mean(UNIFORM, 60) == pytest.approx(45.0)


def test_occupancy_ahead_counts_who_stays_and_who_comes():
    # After 60 steps half of the uniform lengths go on. Two a second come, each there for 45 of the
    # 60 steps on average.
    forecast = occupancy_ahead([RunningLength(UNIFORM)] * 10, 2.0, [UNIFORM] * 3, 0.1, 6.0)
    assert forecast.mean_slots == pytest.approx(5 + 2 * 0.1 * 45)
    assert forecast.variance_slots2 == pytest.approx(2.5 + 2 * 0.1 * 45)


def test_with_a_mean_alone_the_forecast_is_that_of_exponential_lengths():
    known = occupancy_ahead([RunningLength(EXPONENTIAL)] * 20, 3.0, [EXPONENTIAL], 0.05, 10.0)
    by_mean = occupancy_ahead_by_mean(20, 3.0, EXPONENTIAL.mean(), 0.05, 10.0)
    assert known.mean_slots == pytest.approx(by_mean.mean_slots, rel=0.02)


def test_far_ahead_the_forecast_is_littles_law():
    forecast = occupancy_ahead([RunningLength(UNIFORM)] * 50, 4.0, [UNIFORM], 0.1, 1e6)
    assert forecast.mean_slots == pytest.approx(4.0 * 0.1 * 60)


def test_backpressure_is_the_busy_share_and_infinite_with_no_instance_to_ask():
    assert interactive_backpressure(2, 8) == 0.25
    assert interactive_backpressure(1, 0) == math.inf
    assert interactive_backpressure(0, 0) == 0.0


@given(st.integers(0, 50), st.integers(0, 100), st.floats(0.1, 0.9), st.floats(0, 0.3))
def test_one_instance_more_never_asks_for_its_own_end(busy, start, threshold, band):
    count, turns = start, set[int]()
    for _ in range(200):
        following = instances_by_backpressure(
            min(busy, count) if start else busy, count, threshold, band
        )
        turns.add((following > count) - (following < count))
        count = following
    assert not {1, -1} <= turns


def test_deadlines_are_held_by_sums_not_by_sums_of_quantiles():
    due = list(due_work([group(100, 60), group(100, 120)], CAPACITY, NOW_S, batch=64, level=0.9))
    apart = list(due_work([group(100, 60)], CAPACITY, NOW_S, batch=64, level=0.9))
    assert due[1].work_s < 2 * apart[0].work_s
    assert [one.left_s for one in due] == [60, 120]


def test_an_early_small_group_does_not_hide_a_late_large_one():
    due = list(
        due_work([group(40_000, 3600), group(10, 900)], CAPACITY, NOW_S, batch=64, level=0.9)
    )
    found = batch_need(due, CAPACITY, present=1, lent=0.0)
    assert found.tightest == due[1]
    # 26,000 instance seconds in an hour, of which new ones miss a start-up.
    assert found.instances == 8
    assert found.backpressure == 1


def test_instances_asked_for_now_count_from_when_they_serve():
    due = list(due_work([group(5_000, 600)], CAPACITY, NOW_S, batch=64, level=0.9))
    slow = InstanceCapacity(64, 0.02, 0.001, 1e-5, start_up_s=180)
    needed = [batch_need(due, one, present=0, lent=0).instances for one in (CAPACITY, slow)]
    assert needed == [7, 8]


@pytest.mark.parametrize(
    ("headers", "request_class", "deadline_s"),
    [
        ({}, "interactive", None),
        ({"X-Lengthwise-Class": "batch"}, "batch", 3600.0),
        ({"X-Lengthwise-Deadline-S": "900"}, "batch", 900.0),
        ({"x-lengthwise-class": "Batch", "x-lengthwise-deadline-s": "60"}, "batch", 60.0),
        (
            {"X-Lengthwise-Class": "interactive", "X-Lengthwise-Deadline-S": "9"},
            "interactive",
            None,
        ),
        ({"X-Lengthwise-Deadline-S": "soon"}, "interactive", None),
        ({"X-Lengthwise-Deadline-S": "nan"}, "interactive", None),
        ({"x-llm-d-slo-ttft-ms": "200"}, "interactive", None),
    ],
)
def test_headers_say_the_class_and_nonsense_is_interactive(headers, request_class, deadline_s):
    promise = RequestPromise.from_headers(headers, Slo())
    assert promise == RequestPromise(RequestClass(request_class), deadline_s)


def test_ten_thousand_requests_without_a_class_are_interactive():
    promises = {RequestPromise.from_headers({}, Slo()) for _ in range(10_000)}
    assert promises == {RequestPromise(RequestClass.INTERACTIVE)}


def test_a_group_of_nothing_asks_for_nothing():
    due = list(
        due_work([DeadlineGroup(NOW_S, TokenDemand())], CAPACITY, NOW_S, batch=64, level=0.9)
    )
    assert batch_need(due, CAPACITY, present=0, lent=0).instances == 0


@given(st.floats(0, 4_000), st.floats(0, 1_000))
def test_what_outlives_is_what_remains_of_its_distribution(generated, steps):
    by_remaining = 1 - EXPONENTIAL.remaining(generated).level_of(steps)
    outlives = RunningLength(EXPONENTIAL, generated).outlives(steps)
    assert outlives == pytest.approx(by_remaining, abs=1e-3)
