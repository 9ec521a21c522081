"""When a failing predictor is left alone, and when it is tried again."""

import pytest

from scheduler_client.advisor.breaker import FAILURES, CircuitBreaker
from tests.scheduler_client.advisor.helpers import TurnedClock


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(clock)


def fail(breaker, times=FAILURES):
    for _ in range(times):
        breaker.failed()


def test_it_admits_every_call_at_first(breaker):
    assert all(breaker.admit() for _ in range(20))


def test_failures_in_a_row_open_it(breaker):
    fail(breaker, FAILURES - 1)
    assert breaker.admit()
    breaker.failed()
    assert breaker.state == "open"
    assert not breaker.admit()


def test_a_success_between_failures_keeps_it_closed(breaker):
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert breaker.state == "closed"


def test_once_its_time_is_up_one_call_alone_tries(breaker, clock):
    fail(breaker)
    clock.now_s += 0.99
    assert not breaker.admit()
    clock.now_s += 0.01
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    assert breaker.state == "half_open"


def test_a_call_of_which_nothing_is_heard_is_followed_by_another(breaker, clock):
    """It may have been given up before it was sent."""
    fail(breaker)
    clock.now_s += 1
    assert breaker.admit()
    clock.now_s += 0.99
    assert not breaker.admit()
    clock.now_s += 0.01
    assert [breaker.admit() for _ in range(3)] == [True, False, False]


def test_a_probe_that_is_answered_closes_it(breaker, clock):
    fail(breaker)
    clock.now_s += 1
    breaker.admit()
    breaker.succeeded()
    assert (breaker.state, breaker.admit()) == ("closed", True)


def test_each_failed_probe_opens_it_for_as_long_again(breaker, clock):
    fail(breaker)
    for _ in range(5):
        clock.now_s += 0.99
        assert not breaker.admit()
        clock.now_s += 0.01
        assert breaker.admit()
        breaker.failed()
        assert breaker.state == "open"


def test_calls_that_were_out_when_it_opened_do_not_prolong_it(breaker, clock):
    fail(breaker)
    clock.now_s += 0.5
    fail(breaker, 20)
    clock.now_s += 0.5
    assert breaker.admit()
    assert breaker.state == "half_open"


def test_old_failures_do_not_count_against_a_predictor_that_came_back(breaker, clock):
    fail(breaker)
    clock.now_s += 1
    breaker.admit()
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert breaker.state == "closed"
