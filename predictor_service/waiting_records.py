"""Records that wait for a slower thread, bounded."""

from collections import deque
from collections.abc import Sequence

from length_index.record import HistoryRecord


class WaitingRecords:
    """A queue of records. Not safe by itself: its user holds a lock.

    Args:
        capacity_rows: Records that may wait.
        capacity_chars: Characters of their prompts.
    """

    def __init__(self, *, capacity_rows: int, capacity_chars: int) -> None:
        self._capacity_rows = capacity_rows
        self._capacity_chars = capacity_chars
        self._records: deque[HistoryRecord] = deque()
        self._chars = 0

    def __len__(self) -> int:
        return len(self._records)

    def offer(self, records: Sequence[HistoryRecord]) -> int:
        """Take what there is room for.

        Returns:
            How many were not taken.
        """
        for taken, record in enumerate(records):
            chars = self._chars + len(record.prompt)
            if len(self._records) == self._capacity_rows or chars > self._capacity_chars:
                return len(records) - taken
            self._records.append(record)
            self._chars = chars
        return 0

    def take(self, most: int) -> list[HistoryRecord]:
        """Take out the oldest, `most` of them or as many as there are."""
        taken = [self._records.popleft() for _ in range(min(most, len(self._records)))]
        self._chars -= sum(len(record.prompt) for record in taken)
        return taken
