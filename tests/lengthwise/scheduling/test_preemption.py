"""What the preemption rule promises."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling import PreemptionRule, ScheduledJob
from scheduler_client import LengthDistribution, ServiceTimeModel

RULE = PreemptionRule(ServiceTimeModel(0.0, 0.02), switch_s=0.0)


def scheduled(name: str, tokens: float, generated: int = 0, **changes) -> ScheduledJob:
    plain = ScheduledJob(name, round(tokens * 1e4), 0.0, 100, generated, tokens)
    return replace(plain, **changes)


def decided(running, waiting, rule=RULE, now_s=0.0) -> list[tuple[str, str]]:
    made = rule.decide(running, waiting, now_s)
    return [(one.victim.request_id, one.favoured.request_id) for one in made]


def test_a_much_shorter_waiting_request_replaces_the_running_one_with_most_to_go():
    running = [scheduled("middling", 500), scheduled("long", 1000)]
    assert decided(running, [scheduled("short", 50)]) == [("long", "short")]


def test_a_little_shorter_is_not_short_enough():
    assert decided([scheduled("long", 100)], [scheduled("short", 60)]) == []


def test_what_remains_counts_not_the_whole():
    almost_done = scheduled("long", 1000, generated=990)
    assert decided([almost_done], [scheduled("short", 50)]) == []


def test_one_that_outlives_its_prediction_moves_up_its_own_distribution():
    gamble = LengthDistribution((0.0, 0.9, 0.9, 1.0), (10, 20, 1000, 2000))
    fresh = scheduled("gamble", 166, distribution=gamble)
    outlived = replace(fresh, generated_tokens=25)
    assert outlived.remaining_tokens() > 5 * fresh.remaining_tokens()
    assert decided([fresh], [scheduled("short", 80)]) == []
    assert decided([outlived], [scheduled("short", 80)]) == [("gamble", "short")]


def test_without_a_distribution_one_that_outlives_its_prediction_still_has_some_to_go():
    assert scheduled("typical", 100, generated=300).remaining_tokens() > 100


def test_the_first_of_the_queue_is_favoured_or_nobody():
    running = [scheduled("long", 1000)]
    first = scheduled("first", 900, key=0)
    assert decided(running, [scheduled("short", 10, key=1), first]) == []


def test_nobody_is_preempted_more_often_than_the_cap():
    for preemptions in range(5):
        long = scheduled("long", 1000, preemptions=preemptions)
        made = decided([long], [scheduled("short", 10)])
        assert bool(made) is (preemptions < RULE.max_preemptions)


def test_what_must_be_computed_again_counts_against_a_preemption():
    costly = PreemptionRule(ServiceTimeModel(0.01, 0.02))
    running = [scheduled("long", 500, input_tokens=3000)]
    assert decided(running, [scheduled("short", 10)], costly) == []
    assert decided(running, [scheduled("short", 10)]) == [("long", "short")]


def test_nobody_makes_room_for_one_that_comes_after_it_in_the_queue():
    short = scheduled("short", 10, key=100)
    assert decided([scheduled("old", 1000, key=99)], [short]) == []
    assert decided([scheduled("new", 1000, key=101)], [short]) == [("new", "short")]


def test_who_has_been_in_the_engine_for_very_long_is_left_to_run():
    running, waiting = [scheduled("long", 1000)], [scheduled("short", 10)]
    assert decided(running, waiting, now_s=1.0) == [("long", "short")]
    assert decided(running, waiting, now_s=1000.0) == []


def test_the_longer_the_queue_the_later_a_request_is_safe():
    running = [scheduled("long", 1000)]
    waiting = [scheduled(f"w{i}", 10 + i) for i in range(1000)]
    assert decided(running, waiting[:1], now_s=500.0) == []
    assert decided(running, waiting, now_s=500.0) == [("long", "w0")]


def made_room(running, waiting, wanted, *, held=2, now_s=0.0) -> list[str]:
    """Who goes, where each of the running holds so many blocks."""
    blocks = {job.request_id: held for job in running}
    out = RULE.make_room(running, waiting, held=blocks, wanted=wanted, now_s=now_s)
    return [job.request_id for job in out]


LONG_ONES = [scheduled(f"long{n}", 1000, key=10**7 + n) for n in range(1, 7)]


@pytest.mark.parametrize(
    ("wanted", "out"), [(1, ["long6"]), (2, ["long6"]), (5, ["long6", "long5", "long4"])]
)
def test_where_memory_is_short_the_last_of_the_queue_make_room_until_the_first_fits(wanted, out):
    assert made_room(LONG_ONES, [scheduled("short", 10)], wanted) == out


def test_nobody_suffers_where_all_that_may_go_would_not_do():
    running = [*LONG_ONES[:2], scheduled("also short", 20, key=10**8)]
    assert made_room(running, [scheduled("short", 10)], 4) == ["long2", "long1"]
    assert made_room(running, [scheduled("short", 10)], 5) == []


def test_no_more_make_room_at_once_than_the_cap():
    short = [scheduled("short", 10)]
    assert len(made_room(LONG_ONES, short, 2 * RULE.max_at_once)) == RULE.max_at_once
    assert made_room(LONG_ONES, short, 2 * RULE.max_at_once + 1) == []


def test_for_memory_too_it_is_the_first_of_the_queue_that_is_favoured():
    waiting = [scheduled("short", 10, key=1), scheduled("first", 900, key=0)]
    assert made_room([scheduled("long", 1000)], waiting, 1) == []


def test_into_memory_that_is_free_nobody_is_preempted():
    assert made_room(LONG_ONES, [scheduled("short", 10)], 0) == []
    assert made_room([], [scheduled("short", 10)], 1) == []
    assert made_room(LONG_ONES, [], 1) == []


def test_who_may_not_be_preempted_for_a_slot_may_not_for_memory():
    short = [scheduled("short", 10, key=100)]
    assert made_room([scheduled("before", 1000, key=99)], short, 1) == []
    assert made_room([scheduled("often", 1000, key=101, preemptions=3)], short, 1) == []
    assert made_room([scheduled("old", 1000, key=101)], short, 1, now_s=1000.0) == []
    assert made_room([scheduled("new", 1000, key=101)], short, 1) == ["new"]


jobs = st.builds(
    scheduled,
    st.uuids().map(str),
    st.floats(1, 2000),
    st.integers(0, 500),
    arrival_s=st.floats(0, 100),
    preemptions=st.integers(0, 4),
)


@given(st.lists(jobs, max_size=8), st.lists(jobs, max_size=8), st.floats(100, 200))
def test_victims_run_favoured_wait_and_none_is_chosen_twice(running, waiting, now_s):
    made = RULE.decide(running, waiting, now_s)
    victims = [one.victim for one in made]
    favoured = [one.favoured for one in made]
    assert all(job in running for job in victims)
    assert all(job in waiting for job in favoured)
    assert len({job.request_id for job in victims}) == len(made) <= RULE.max_at_once
    assert [job.key for job in favoured] == sorted(job.key for job in waiting)[: len(made)]
    for one in made:
        assert one.victim.key > one.favoured.key
        assert one.victim.remaining_tokens() >= 2.5 * one.favoured.remaining_tokens()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"switch_s": -1}, "switch_s is -1"),
        ({"much_longer": 0.5}, "much_longer is 0.5"),
        ({"max_preemptions": -1}, "max_preemptions is -1"),
        ({"much_longer": float("nan")}, "much_longer is nan"),
        ({"safe_waits": float("nan")}, "safe_waits is nan"),
        ({"max_at_once": 0}, "max_at_once is 0"),
        ({"max_at_once": 2.5}, "max_at_once is 2.5: expected a whole number"),
    ],
)
def test_what_cannot_be_is_refused_with_name_and_value(options, message):
    with pytest.raises(ValueError, match=message):
        PreemptionRule(**options)
