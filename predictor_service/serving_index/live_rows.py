"""Learns what is reported at once, beside the predictions, until the next build takes it in.

Not all of it: no build has looked at it yet, so a length that cannot be does not count.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import structlog

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.recent import RecentRows
from predictor_service.failures import unexpected
from predictor_service.serving_index.served_index import ServedIndex
from predictor_service.system.threads import THREAD_PREFIX

log = structlog.get_logger(__name__)

ABSURD_FACTOR = 4.0
"""So many times the longest known answer of an LLM is no answer of it: the number is wrong, or the
name of the LLM. A prompt of a new kind may well get an answer twice as long as any before."""

BATCH_ROWS = 64
"""Encoded at a time: the cores are shared for no longer than a micro-batch takes."""

BATCH_WAIT_S = 0.1
"""How long the first reported row waits for others: a batch costs little more than a row."""

MAX_WAITING_ROWS = 8_192
"""Reports that may wait to be learnt; others are left to the next build."""

MAX_WAITING_CHARS = 32 * 2**20
"""Characters of their prompts: a few very long ones must not fill the memory."""

STOP_WAIT_S = 1.0
"""How long a stop waits for the batch that is being encoded."""

NO_VECTORS: FloatMatrix = np.zeros((0, 0), np.float32)
"""Of no prompts, whatever the dimension."""


class WaitingRecords:
    """A queue of records. Not safe by itself: its user holds a lock.

    Args:
        capacity_rows: Records that may wait; others are not taken.
        capacity_chars: Characters of the prompts of those that may wait.
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


class LiveLearner:
    """Adds reported rows to the served index.

    Args:
        current: Gives the served index; None while there is none.
        capacity_rows: Rows held beside the build's; 0 learns nothing.
        prepare_thread: Called once in the thread that encodes.
        on_learnt: Called in that thread whenever rows were added.
    """

    def __init__(
        self,
        current: Callable[[], ServedIndex | None],
        *,
        capacity_rows: int,
        prepare_thread: Callable[[], None] = lambda: None,
        on_learnt: Callable[[], None] = lambda: None,
    ) -> None:
        self._current = current
        self._capacity_rows = capacity_rows
        self._prepare_thread = prepare_thread
        self._on_learnt = on_learnt
        self._condition = threading.Condition()
        self._waiting = WaitingRecords(
            capacity_rows=MAX_WAITING_ROWS, capacity_chars=MAX_WAITING_CHARS
        )
        self._again: deque[HistoryRecord] = deque()
        self._index: ServedIndex | None = None
        self._stopping = False
        self._told: set[str] = set()
        self.learnt = 0
        self.left_out = 0
        self._thread: threading.Thread | None = None
        if capacity_rows:
            name = THREAD_PREFIX + "learn"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def learn(self, records: Sequence[HistoryRecord]) -> None:
        """Take records that were stored; returns at once."""
        if self._thread is None or not records:
            return
        with self._condition:
            was_empty = not self._waiting
            refused = self._waiting.offer(records)
            if was_empty or len(self._waiting) >= BATCH_ROWS:
                self._condition.notify()
        if refused:
            self._leave_out(refused, "reports come faster than they can be learnt")

    def index_switched(self) -> None:
        """Tell that another index is served: what was learnt is carried over to it."""
        with self._condition:
            self._condition.notify()

    async def stop(self) -> None:
        """Learn nothing more; what waits is stored and left to the next build."""
        if self._thread is None:
            return
        with self._condition:
            self._stopping = True
            self._condition.notify()
        await asyncio.to_thread(self._thread.join, STOP_WAIT_S)
        log.info("learnt from reports", rows=self.learnt, left_out=self.left_out)

    def _run(self) -> None:
        self._prepare_thread()
        while (index := self._next_index()) is not None:
            try:
                if index is not self._index:
                    self._move_to(index)
                else:
                    self._learn(index, self._next_batch())
            except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
                self._tell("learning failed", error)

    def _next_index(self) -> ServedIndex | None:
        """Wait until there is something to do for the served index; None once stopped."""
        with self._condition:
            while not self._stopping:
                index = self._current()
                if index is not None and (index is not self._index or self._waiting or self._again):
                    return index
                self._condition.wait()
            return None

    def _next_batch(self) -> list[HistoryRecord]:
        """What was reported last goes first, then what is to be encoded again."""
        with self._condition:
            if not self._again:
                self._condition.wait_for(
                    lambda: self._stopping or len(self._waiting) >= BATCH_ROWS, BATCH_WAIT_S
                )
            if self._stopping:
                return []
            if self._waiting:
                return self._waiting.take(BATCH_ROWS)
        return [self._again.popleft() for _ in range(min(BATCH_ROWS, len(self._again)))]

    def _learn(self, index: ServedIndex, reported: Sequence[HistoryRecord]) -> None:
        records = plausible(index, reported)
        if absurd := len(reported) - len(records):
            self._leave_out(absurd, "lengths far beyond any that the index knows of their LLM")
        encoded, vectors = self._encode(index, records) if records else ([], NO_VECTORS)
        if encoded and index.recent is not None:  # set when it was moved to
            self.learnt += index.recent.add(encoded, vectors)
            self._on_learnt()

    def _encode(
        self, index: ServedIndex, records: Sequence[HistoryRecord]
    ) -> tuple[list[HistoryRecord], FloatMatrix]:
        """Encode together, and one by one what failed together: one bad prompt fails alone."""
        try:
            return list(records), index.encode([record.prompt for record in records])
        except Exception as error:  # noqa: BLE001  whatever the encoder raises
            if len(records) == 1:
                self._leave_out(1, "a completion cannot be encoded", error)
                return [], NO_VECTORS
        found = [self._encode(index, [record]) for record in records]
        encoded = [record for one, _ in found for record in one]
        vectors = [row for one, row in found if one]
        return encoded, np.concatenate(vectors) if vectors else NO_VECTORS

    def _move_to(self, index: ServedIndex) -> None:
        """Carry what was learnt over to another index, but for what that was built with."""
        before, self._index = self._index, index
        if index.recent is None:
            index.recent = RecentRows(capacity_rows=self._capacity_rows)
        snapshot = before.recent.snapshot if before is not None and before.recent else None
        if before is None or snapshot is None:
            return
        learnt = snapshot.records
        built = index.built_with([record.key for record in learnt])
        kept = [i for i, record in enumerate(learnt) if record.key not in built]
        records = [learnt[i] for i in kept]
        if index.info().encoder_hash == before.info().encoder_hash:
            index.recent.add(records, snapshot.vectors[kept])
            self._on_learnt()
        else:
            self._again.extend(records)

    def _leave_out(self, rows: int, why: str, error: Exception | None = None) -> None:
        with self._condition:
            self.left_out += rows
        self._tell(f"{why}: left to the next build", error)

    def _tell(self, event: str, error: Exception | None = None) -> None:
        """Log once: what happens to one report happens to thousands."""
        if event in self._told:
            return
        self._told.add(event)
        log.warning(event)
        if error is not None:
            unexpected(error, where="learning")


def plausible(index: ServedIndex, records: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """The records that may count at once, none longer than what the index knows of its LLM.

    One caller that reports nonsense must not move what all others are told within a second. What is
    left out or cut here is stored as it came, and the next build sees it beside everything else. Of
    an LLM that the index does not know nothing is left out.

    Args:
        index: The one that is to learn them.
        records: As they were reported, with lengths that nobody has looked at.
    """
    found: list[HistoryRecord] = []
    for record in records:
        longest = index.longest_tokens(record.model)
        if longest is None or record.output_tokens <= longest:
            found.append(record)
        elif record.output_tokens <= ABSURD_FACTOR * longest:
            found.append(replace(record, output_tokens=longest))
    return found
