"""What all priority rules promise, and how they are chosen."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling import (
    DEFAULT_RULE,
    RULE_NAMES,
    FinishedJob,
    QueuedJob,
    make_rule,
    option_names,
)
from scheduler_client import LengthDistribution
from tests.lengthwise.scheduling.queues import ending, job, served

finite = st.floats(0, 1e6)
histories = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1e4), st.booleans()), max_size=60)


@pytest.mark.parametrize("name", RULE_NAMES)
@given(history=histories, asked=st.tuples(st.floats(0, 2e9), finite))
def test_every_rule_gives_an_int_that_int64_holds_whatever_came_before(name, history, asked):
    rule = make_rule(name)
    now_s = 0.0
    for gap_s, service_s, ends in history:
        now_s += gap_s
        rule.key(job(now_s, service_s))
        if ends:
            rule.finished(ending(now_s, gap_s, service_s))
    key = rule.key(job(*asked))
    assert type(key) is int
    assert -(2**63) <= key < 2**63


@pytest.mark.parametrize("name", RULE_NAMES)
def test_a_rule_of_a_name_says_that_name(name):
    assert make_rule(name).name == name


def test_the_default_rule_is_one_of_them():
    assert DEFAULT_RULE in RULE_NAMES
    assert make_rule().name == DEFAULT_RULE


@pytest.mark.parametrize("name", [name for name in RULE_NAMES if name != "off"])
def test_of_requests_that_came_together_the_shorter_goes_first(name):
    rule = make_rule(name)
    for i in range(100):
        rule.key(job(float(i), i % 10 + 1.0))
    assert rule.key(job(1000.0, 2.0)) < rule.key(job(1000.0, 7.0))


def test_off_is_first_come_first_served():
    rule = make_rule("off")
    assert rule.key(job(1.0, 100.0)) < rule.key(job(1.1, 0.1))


@pytest.mark.parametrize("name", [name for name in RULE_NAMES if name not in {"off", "gittins"}])
def test_a_request_without_a_prediction_goes_by_its_typical_length(name):
    known = LengthDistribution.from_quantiles([0.5], [100])
    rules = [make_rule(name), make_rule(name)]
    for rule in rules:
        for i in range(60):
            rule.key(job(float(i), i % 10 + 1.0))
    with_one = QueuedJob(100.0, 10, 100, 2.0, known)
    without = QueuedJob(100.0, 10, 100, 2.0, None)
    assert rules[0].key(with_one) == rules[1].key(without)


def test_the_gittins_rule_prefers_who_is_probably_short_to_another_of_the_same_mean():
    gamble = LengthDistribution((0.0, 0.9, 0.9, 1.0), (10, 10, 910, 910))
    certain = LengthDistribution((0.0, 1.0), (100, 100))
    rule = make_rule("gittins")
    keys = [rule.key(QueuedJob(0.0, 10, 100, 2.0, each)) for each in (gamble, certain, None)]
    assert keys[0] < keys[1] == keys[2] == 2_000_000


def test_a_capped_rule_serves_long_requests_in_the_order_they_came():
    rule = make_rule("capped", quantile=0.5, weight=100)
    for i in range(100):
        rule.key(job(float(i), i % 10 + 1.0))
    assert rule.key(job(200.0, 10.0)) < rule.key(job(201.0, 8.0))
    assert rule.key(job(202.0, 1.0)) < rule.key(job(201.0, 8.0))


def test_the_cap_follows_the_lengths_of_late():
    rule = make_rule("capped", quantile=0.5, weight=100)
    for i in range(100):
        rule.key(job(float(i), i % 10 + 1.0))
    capped = rule.key(job(200.0, 9.0)) < rule.key(job(201.0, 8.0))
    for i in range(2000):
        rule.key(job(300.0 + i, 1000.0))
    assert capped
    assert rule.key(job(3000.0, 9.0)) > rule.key(job(3001.0, 8.0))


@pytest.mark.parametrize("name", [name for name in RULE_NAMES if name != "off"])
@pytest.mark.parametrize("slots", [1, 4])
def test_a_burst_is_over_sooner_for_the_average_request_than_in_order_of_arrival(name, slots):
    source = random.Random(1)
    jobs = [(i / (2 * slots), source.expovariate(1.0)) for i in range(200)]
    assert sum(served(make_rule(name), jobs, slots)) < sum(served(make_rule("off"), jobs, slots))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_rule("fastest"), "there is no rule 'fastest': expected one of off, shortest"),
        (lambda: option_names("x"), "there is no rule 'x'"),
        (lambda: make_rule("off", weight=1), "rule 'off' has no option 'weight': its options are"),
        (lambda: make_rule("aged", cap=1), "has no option 'cap': its options are weight"),
        (lambda: make_rule("aged", weight=-1), "weight is -1"),
        (lambda: make_rule("capped", quantile=0), "quantile is 0: expected a level in"),
        (lambda: make_rule("capped", weight=math.inf), "weight is inf"),
        (lambda: make_rule("guarded", steady=-1), "steady is -1"),
        (lambda: make_rule("guarded", burst=math.nan), "burst is nan"),
        (lambda: make_rule("guarded", long_rank=1.5), "long_rank is 1.5"),
        (lambda: make_rule("guarded", shape=0), "shape is 0"),
        (lambda: job(math.nan), "arrival_s is nan"),
        (lambda: job(0.0, -1), "predicted_tokens is -50"),
        (lambda: QueuedJob(0, 1, 1, math.inf), "service_time_s is inf"),
        (lambda: FinishedJob(math.inf, 0, 1, 1, 1), "arrival_s is inf"),
        (lambda: FinishedJob(0, -1, 1, 1, 1), "queued_s is -1"),
    ],
)
def test_what_cannot_be_is_refused_with_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
