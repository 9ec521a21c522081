"""Rounds one after the other until the process is asked to end."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from index_builder.rebuild.outcome import Ending, Outcome
from index_builder.rebuild.progress import StopRoundError
from lengthwise.history.database.errors import HistoryError
from lengthwise.index.errors import LengthIndexError

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(stop: Event) -> Generator[None]:
    """Have SIGTERM and SIGINT set an event instead of ending the process at once."""

    def ask_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_every(
    seconds: float, rebuild: Callable[[], Outcome], tell: Callable[[Outcome], None], stop: Event
) -> None:
    """Do rounds, each so long after the end of the one before; return once asked to stop.

    What goes wrong in a round is told, and the next one tries again: a history that is not there
    yet, or a store that cannot be reached for a while, is no reason to give up.

    Args:
        seconds: Between two rounds.
        rebuild: Does one.
        tell: Is given what each came to.
        stop: Set to end, between rounds or within one.
    """
    while not stop.is_set():
        try:
            outcome = rebuild()
        except StopRoundError:
            return
        except (LengthIndexError, HistoryError) as error:
            outcome = failed(error)
        tell(outcome)
        stop.wait(seconds)


def failed(error: Exception) -> Outcome:
    """A round that could not be done."""
    return Outcome(ending=Ending.FAILED, version=None, before=None, faults=(str(error),))
