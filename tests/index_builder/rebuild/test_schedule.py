"""Rounds one after the other: what fails is tried again, and a signal ends it."""

from threading import Event

from index_builder.rebuild.outcome import Ending, Outcome
from index_builder.rebuild.progress import StopRoundError
from index_builder.rebuild.schedule import run_every
from lengthwise.history.database.errors import UnavailableError

NOTHING = Outcome(ending=Ending.NOTHING_NEW, version="a", before="a")


def rounds(*results):
    """What each round is told to have come to, until they stop."""
    stop, told, left = Event(), [], list(results)

    def rebuild():
        result = left.pop(0)
        if not left:
            stop.set()
        if isinstance(result, Exception):
            raise result
        return result

    run_every(0.001, rebuild, told.append, stop)
    assert not left
    return [outcome.ending for outcome in told]


def test_a_round_follows_another_until_it_is_to_stop():
    assert rounds(NOTHING, NOTHING, NOTHING) == [Ending.NOTHING_NEW] * 3


def test_a_round_that_fails_is_told_and_the_next_is_done():
    failing = UnavailableError("the database is starting")
    assert rounds(failing, NOTHING) == [Ending.FAILED, Ending.NOTHING_NEW]


def test_a_round_that_is_stopped_within_is_the_last_and_tells_nothing():
    assert rounds(NOTHING, StopRoundError()) == [Ending.NOTHING_NEW]
