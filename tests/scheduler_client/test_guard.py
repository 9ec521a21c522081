"""A fault of the plugin's own turns its part off, and goes no further."""

import sys

import pytest

from scheduler_client.vllm_plugin.guard import Guard


@pytest.fixture
def said():
    return []


@pytest.fixture
def guard(said):
    """A guard that notes what failed, and the exception that is being handled then."""
    return Guard(lambda doing: said.append((doing, sys.exception())))


def test_an_exception_is_swallowed_and_told_of_while_it_is_handled(guard, said):
    fault = ZeroDivisionError()
    with guard("dividing"):
        raise fault
    assert said == [("dividing", fault)]


def test_what_is_to_end_the_process_ends_it(guard, said):
    with pytest.raises(KeyboardInterrupt), guard("waiting"):
        raise KeyboardInterrupt
    assert not said


def test_a_block_that_succeeds_may_return_and_one_that_fails_goes_on_behind_itself(guard, said):
    def key(text):
        with guard("reading"):
            return int(text)
        return -1

    assert [key("3"), key("three")] == [3, -1]
    assert [doing for doing, _ in said] == ["reading"]


def test_the_time_of_all_blocks_is_added_up_those_that_failed_included(guard, monkeypatch):
    times_s = iter([1.0, 3.0, 10.0, 14.0])
    monkeypatch.setattr("scheduler_client.vllm_plugin.guard.perf_counter", lambda: next(times_s))
    with guard("first"):
        pass
    with guard("second"):
        raise ValueError
    assert guard.spent_s == 6.0
