"""Rounds one after the other until the process is asked to end."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from index_builder.rebuild.outcome import RoundEnding, RoundOutcome
from index_builder.rebuild.progress import StopRoundError
from lengthwise.errors import LengthwiseError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What an orchestrator and a terminal send to end a process."""


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
    seconds: float,
    rebuild: Callable[[], RoundOutcome],
    tell: Callable[[RoundOutcome], None],
    stop: Event,
) -> None:
    """Do rounds, each so long after the end of the one before; return once asked to stop.

    What goes wrong in a round is told, and the next one tries again: a history that is not there
    yet, a store that cannot be reached for a while or a disk that is full is no reason to give up.

    Args:
        seconds: From the end of a round to the beginning of the next.
        rebuild: Does one round and gives what it came to.
        tell: Is given that, also where a round failed.
        stop: Set to end, between rounds or within one.
    """
    while not stop.is_set():
        try:
            outcome = rebuild()
        except StopRoundError:
            return
        except (LengthwiseError, OSError) as error:
            outcome = failed(error)
        tell(outcome)
        stop.wait(seconds)


def failed(error: Exception) -> RoundOutcome:
    """A round that could not be done."""
    return RoundOutcome(ending=RoundEnding.FAILED, version=None, before=None, faults=(str(error),))
