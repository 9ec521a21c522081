"""Who keeps its keys and values, by estimated wait time."""

import pytest

from lengthwise.scheduling.swap_order import (
    RunningJob,
    WaitingJob,
    estimated_waits_s,
    longest_wait,
    who_goes_out,
    who_makes_room,
)


def test_a_wait_is_the_work_ahead_shared_by_those_that_run():
    queue = [("first", WaitingJob(5.0)), ("second", WaitingJob(7.0)), ("third", WaitingJob(1.0))]
    assert estimated_waits_s(queue, [4.0, 6.0]) == {"first": 5.0, "second": 7.5, "third": 11.0}


def test_on_an_idle_engine_the_first_does_not_wait():
    assert estimated_waits_s([("first", WaitingJob(5.0))], []) == {"first": 0.0}


def test_aging_brings_one_to_the_front_sooner_than_the_work_ahead_would():
    queue = [("long", WaitingJob(90.0)), ("aged", WaitingJob(1.0, at_most_s=20.0))]
    assert estimated_waits_s(queue, [60.0])["aged"] == 20.0


def test_the_longest_wait_goes_out_and_of_equal_ones_the_last():
    waits_s = {"a": 3.0, "b": 9.0, "c": 9.0}
    assert longest_wait(["a", "b", "c"], waits_s) == "c"
    assert longest_wait(["c", "b", "a"], waits_s) == "b"


def test_nobody_goes_out_of_nobody():
    with pytest.raises(ValueError, match="no candidate"):
        longest_wait([], {})


def test_those_that_wait_longest_go_until_there_is_room_and_no_more():
    held, waits_s = {"soon": 4, "later": 3, "last": 2}, {"soon": 1.0, "later": 2.0, "last": 3.0}
    assert who_goes_out(held, waits_s, 0) == []
    assert who_goes_out(held, waits_s, 2) == ["last"]
    assert who_goes_out(held, waits_s, 3) == ["last", "later"]
    assert who_goes_out(held, waits_s, 9) == ["last", "later", "soon"]


def test_where_all_together_hold_too_little_nobody_goes():
    assert who_goes_out({"a": 4}, {"a": 1.0}, 5) is None


@pytest.mark.parametrize("remaining_s", [[1.0, 1.0, 1.0], [9.0, 2.0, 5.0]])
def test_among_the_swapped_alone_it_is_the_end_of_the_queue_whatever_their_lengths(remaining_s):
    queue = [(name, WaitingJob(left)) for name, left in zip("abc", remaining_s, strict=True)]
    assert longest_wait("abc", estimated_waits_s(queue, [])) == "c"


RUNNING = {"long": RunningJob(90.0, 5), "longer": RunningJob(95.0, 2), "short": RunningJob(3.0, 9)}


@pytest.mark.parametrize(
    ("wanted", "out"), [(0, []), (2, ["longer"]), (7, ["longer", "long"]), (8, [])]
)
def test_the_longest_to_go_make_room_and_nobody_does_if_all_would_not_do(wanted, out):
    assert who_makes_room(RUNNING, favoured_key=4.0, margin=1.0, wanted=wanted) == out


def test_a_little_shorter_is_not_short_enough():
    assert who_makes_room(RUNNING, favoured_key=94.0, margin=1.0, wanted=1) == []
    assert who_makes_room(RUNNING, favoured_key=93.0, margin=1.0, wanted=1) == ["longer"]
