"""The batch limit of one engine follows its backpressure."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling.batch_limit import (
    BatchLimit,
    DecodeSpan,
    LimitOptions,
    backpressure,
    follow,
    judge,
)

OPTIONS = LimitOptions(itl_slo_s=0.1, most=256)


def span(running: float, itl_s: float, steps: int = 8) -> DecodeSpan:
    """So many steps of a batch, each of which gives each of its requests a token."""
    seconds = steps * itl_s
    return DecodeSpan(seconds, running * seconds, running * seconds, running * steps)


def settled(step_s: float, sequence_s: float, asking: int, start: float = 8.0) -> BatchLimit:
    """Where the limit goes on an engine with these steps, while so many requests ask."""
    limit = BatchLimit(start)
    for _ in range(200):
        running = min(asking, limit.requests)
        limit = follow(limit, span(running, step_s + sequence_s * running), OPTIONS)
    return limit


@pytest.mark.parametrize("start", [1.0, 8.0, 256.0])
def test_the_limit_settles_at_the_batch_that_has_the_aim_between_tokens(start):
    # A batch of 65 has exactly 0.085 s between tokens.
    assert settled(0.02, 0.001, 1_000, start).requests == pytest.approx(65, abs=1)


def test_shrinking_is_not_taken_for_a_loss_of_throughput():
    # Its step takes 0.08 s whatever the batch, so that whole requests hardly change it.
    requests = settled(0.08, 0.0001, 1_000, 256.0).requests
    assert 0.08 + 0.0001 * requests == pytest.approx(0.085, rel=0.01)


def test_a_slower_engine_gets_a_smaller_batch():
    assert settled(0.02, 0.004, 1_000).requests < settled(0.02, 0.001, 1_000).requests


def test_an_engine_that_never_nears_its_slo_ends_at_its_slots():
    assert settled(0.001, 0.0001, 1_000).requests == 256


def test_an_slo_that_no_batch_keeps_ends_at_the_floor():
    limit = BatchLimit(256.0)
    for _ in range(100):
        limit = follow(limit, span(16, 0.5), LimitOptions(0.1, least=16, most=256))
    assert limit.requests == 16


def test_with_few_requests_the_limit_is_what_is_known_to_keep_the_slo():
    limit = settled(0.02, 0.001, 4, start=256.0)
    # Four have 0.024 s: at most 0.085 / 0.024 as many are within the aim, however many there are.
    assert limit.requests == int(4 * 0.085 / 0.024)
    assert 0.02 + 0.001 * limit.requests <= 0.1


@pytest.mark.parametrize("asking", [1, 8, 32, 64])
def test_from_few_requests_a_burst_is_admitted_in_steps_that_keep_the_slo(asking):
    limit = settled(0.02, 0.001, asking)
    for _ in range(50):
        limit = follow(limit, span(limit.requests, 0.02 + 0.001 * limit.requests), OPTIONS)
        assert 0.02 + 0.001 * limit.requests <= 0.1


def test_a_batch_that_drains_slowly_does_not_take_the_limit_to_the_floor():
    limit, running = BatchLimit(256.0), 256
    for _ in range(100):
        limit = follow(limit, span(running, 0.02 + 0.001 * running), OPTIONS)
        assert limit.requests >= 64  # what it settles at, and no less on its way there
        running = max(limit.requests, running - 4)


def test_rare_long_steps_count_as_long_as_they_are():
    # Every fourth span has a prompt in it: 0.05 s and 0.25 s, 0.1 s on average.
    limit, running, chance, seen = BatchLimit(64.0), 64, random.Random(1), []
    for _ in range(400):
        prompt = chance.random() < 0.25
        limit = follow(limit, span(running, running / 64 * (0.25 if prompt else 0.05)), OPTIONS)
        running = limit.requests
        seen.append(running)
    assert sum(seen[100:]) / 300 == pytest.approx(0.85 * 64, rel=0.15)


def test_a_larger_batch_that_gives_fewer_tokens_is_backpressure():
    before, larger, smaller = span(16, 0.02), span(24, 0.045), span(8, 0.015)
    assert backpressure(larger, before, itl_slo_s=1.0) == pytest.approx(800 / (24 / 0.045))
    assert backpressure(smaller, before, itl_slo_s=1.0) == pytest.approx(0.015)
    assert backpressure(larger, before, itl_slo_s=0.01) == pytest.approx(4.5)


def test_one_bad_span_takes_away_at_most_half():
    assert follow(BatchLimit(64.0), span(64, 100.0), OPTIONS).value == 32.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"itl_slo_s": 0.0}, "itl_slo_s is 0.0: expected a finite number above 0"),
        ({"itl_slo_s": math.inf}, "itl_slo_s is inf"),
        ({"itl_slo_s": math.nan}, "itl_slo_s is nan"),
        ({"least": 4, "most": 2}, "least is 4 and most 2"),
        ({"least": 0}, "least is 0"),
        ({"least_aim": 0.0}, "least_aim is 0.0: expected a number above 0, at most 1"),
        ({"least_aim": 1.1}, "least_aim is 1.1"),
        ({"weight": math.nan}, "weight is nan"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        LimitOptions(**({"itl_slo_s": 0.1} | options))


def test_where_all_keep_the_slo_the_whole_of_it_is_used():
    limit = settled(0.02, 0.001, 1_000)
    for _ in range(1_000):
        limit = judge(limit, 0.09, OPTIONS)
        limit = follow(limit, span(limit.requests, 0.02 + 0.001 * limit.requests), OPTIONS)
    assert limit.requests == pytest.approx(80, abs=1)


def test_where_many_miss_it_the_batch_gets_smaller_but_not_below_the_least_aim():
    limit = settled(0.02, 0.001, 1_000)
    before = limit.requests
    for number in range(200):
        limit = judge(limit, 0.12 if number % 3 else 0.09, OPTIONS)
        limit = follow(limit, span(limit.requests, 0.02 + 0.001 * limit.requests), OPTIONS)
    assert limit.aim == pytest.approx(0.7, abs=0.01)
    assert 45 <= limit.requests < before


def test_one_in_twenty_may_miss_it():
    limit = BatchLimit(64.0, aim=0.9)
    for _ in range(20):
        limit = judge(limit, 0.12, OPTIONS)
        for _ in range(19):
            limit = judge(limit, 0.09, OPTIONS)
    assert limit.aim == pytest.approx(0.9)


@given(
    st.floats(1, 256),
    st.lists(st.tuples(st.integers(1, 300), st.floats(1e-4, 1e3)), max_size=30),
)
def test_the_limit_stays_within_its_bounds_whatever_is_seen(start, seen):
    limit = BatchLimit(start)
    for running, itl_s in seen:
        limit = follow(limit, span(running, itl_s), OPTIONS)
        assert 1 <= limit.requests <= 256
