"""The true lengths that wait to be reported."""

import threading
from collections import deque

from lengthwise.request import CompletedRequest


class ReportQueue:
    """First in, first out, and within bounds: where it is full the oldest go. Thread-safe.

    Args:
        max_reports: That may wait.
        max_chars: Of all their prompts.
    """

    def __init__(self, max_reports: int, max_chars: int) -> None:
        self._max_reports = max_reports
        self._max_chars = max_chars
        self._waiting: deque[CompletedRequest] = deque()
        self._chars = 0
        self._lock = threading.Lock()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, report: CompletedRequest) -> None:
        """Add one at the end."""
        with self._lock:
            self._waiting.append(report)
            self._chars += len(report.prompt)
            self._trim()

    def take(self, count: int) -> list[CompletedRequest]:
        """Take the oldest out, so many at most."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            self._chars -= sum(len(report.prompt) for report in taken)
            return taken

    def give_back(self, reports: list[CompletedRequest]) -> None:
        """Put what was taken in front again."""
        with self._lock:
            self._waiting.extendleft(reversed(reports))
            self._chars += sum(len(report.prompt) for report in reports)
            self._trim()

    def _trim(self) -> None:
        while len(self._waiting) > self._max_reports or self._chars > self._max_chars:
            self._chars -= len(self._waiting.popleft().prompt)
            self.dropped += 1
