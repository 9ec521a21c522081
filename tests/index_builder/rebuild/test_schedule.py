"""Rounds one after the other: what fails is tried again, and a signal ends it."""

import errno
from threading import Event

from index_builder.rebuild.outcome import RoundEnding, RoundOutcome
from index_builder.rebuild.progress import StopRoundError
from index_builder.rebuild.schedule import run_every
from lengthwise.history.database.errors import UnavailableError

NOTHING = RoundOutcome(ending=RoundEnding.NOTHING_NEW, version="a", before="a")


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
    assert rounds(NOTHING, NOTHING, NOTHING) == [RoundEnding.NOTHING_NEW] * 3


def test_a_round_that_fails_is_told_and_the_next_is_done():
    failing = UnavailableError("the database is starting")
    assert rounds(failing, NOTHING) == [RoundEnding.FAILED, RoundEnding.NOTHING_NEW]


def test_a_full_disk_is_no_reason_to_give_up():
    full = OSError(errno.ENOSPC, "No space left on device")
    assert rounds(full, NOTHING) == [RoundEnding.FAILED, RoundEnding.NOTHING_NEW]


def test_a_round_that_is_stopped_within_is_the_last_and_tells_nothing():
    assert rounds(NOTHING, StopRoundError()) == [RoundEnding.NOTHING_NEW]
