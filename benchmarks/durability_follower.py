"""Reads a history while it is written, as the rebuild job does, going on where it last ended."""

import threading
from types import TracebackType
from typing import Self

from lengthwise.history.database.reader import HistoryReader

PERIOD_S = 0.05


class Follower:
    """Reads on and on in a thread; a context manager.

    Args:
        place: Of the history, which must exist.
    """

    def __init__(self, place: str) -> None:
        self._reader = HistoryReader.open(place)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[int] = []
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        try:
            while not self._stop.wait(PERIOD_S):
                self._read_on()
            self._read_on()
        except BaseException as error:  # noqa: BLE001  handed to whoever looks
            self.error = error

    def _read_on(self) -> None:
        last = self.seen[-1] if self.seen else 0
        self.seen += [row.sequence for row in self._reader.rows_after(last)]
