"""A value made of files, and made anew when they change."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_PERIOD_S = 1.0

Stamp = tuple[tuple[int, int, int] | None, ...]


class WatchedFiles(Generic[T]):
    """Looks at the files when it is asked, but no more than once a period; from any thread.

    What was read last is kept where the new files cannot be used: one of two files that belong
    together is always replaced first.

    Args:
        what: They hold, for the log.
        paths: The files.
        read: Makes the value of them; raises ValueError or OSError if it cannot be used.
        period_s: Seconds between two looks; default: a second.
        clock: Seconds, monotonic.

    Raises:
        ValueError: At the start there is no value to keep.
        OSError: The same, for a file that cannot be read.
    """

    def __init__(
        self,
        what: str,
        paths: Sequence[Path],
        read: Callable[[], T],
        *,
        period_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._paths = paths
        self._read = read
        self._period_s = LOOK_PERIOD_S if period_s is None else period_s
        self._clock = clock
        self._looking = threading.Lock()
        self._stamp = self._look()
        self._value = read()
        self._next_look_s = clock() + self._period_s
        self.refused = 0

    def current(self) -> T:
        """The value of the files as they last could be used."""
        if self._clock() >= self._next_look_s and self._looking.acquire(blocking=False):
            try:
                self._next_look_s = self._clock() + self._period_s
                self._read_changed()
            finally:
                self._looking.release()
        return self._value

    def _read_changed(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._value = self._read()
        except (OSError, ValueError) as error:
            self.refused += 1
            log.error(f"{self._what} not replaced, the old serve on", reason=str(error))  # noqa: TRY400  the reason is enough
        else:
            log.info(f"{self._what} replaced")

    def _look(self) -> Stamp:
        """What changes with the content; taken before it is read, so that no change is missed."""
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
