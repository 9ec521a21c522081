"""Whose turn is next, lone calls' or bulk's: decisions only, no threads and no clock of its own."""

import math
from typing import NamedTuple

BULK_WORK_S = 0.010
"""Bulk that a lone call may have to wait for: about twice what a small encoder takes for a lone
prompt, and a fifth of the 50 ms within which engines want their answer."""

REMEMBERED_S = 2.0
"""How long bulk makes room after a lone call: a micro-batch that has begun cannot be stopped when
the next one comes. Longer would slow bulk down for callers who hardly ever ask."""


class Turn(NamedTuple):
    """What a micro-batch takes.

    Args:
        is_bulk: Whether it is of bulk, or else of lone calls.
        work_s: Time that it may take, in seconds; infinite if only the queue's limits bound it.
    """

    is_bulk: bool
    work_s: float = math.inf


class LoneFirst:
    """Decides what the threads that compute take next, so that lone calls do not wait for bulk.

    A micro-batch is of lone calls or of bulk, since none of its prompts is through before the last
    one is. While lone calls come, one thread is kept for them; where there is but one, it takes
    bulk in pieces of `BULK_WORK_S`. Where both wait they take turns, so that bulk goes on whatever
    comes. Not thread-safe: its owner holds a lock.

    Args:
        lanes: Threads that compute, at least 1.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._bulk_busy = 0
        self._lone_came_s = -math.inf
        self._lone_had_turn = False

    def lone_came(self, now_s: float) -> None:
        """Note that a lone call came in."""
        self._lone_came_s = now_s

    def next(self, lone_waiting: int, bulk_waiting: int, now_s: float) -> Turn | None:
        """Decide for a thread that has nothing to do.

        Args:
            lone_waiting: Prompts of lone calls in the queue.
            bulk_waiting: Prompts of bulk in the queue.
            now_s: The present, in seconds on the clock of `lone_came`.

        Returns:
            What to take; None to leave the thread to lone calls that are still to come.
        """
        lone_expected = lone_waiting > 0 or now_s - self._lone_came_s <= REMEMBERED_S
        may_take_bulk = bulk_waiting > 0 and self._bulk_busy < self._bulk_lanes(lone_expected)
        if lone_waiting and not (may_take_bulk and self._lone_had_turn):
            return Turn(is_bulk=False)
        if not may_take_bulk:
            return None
        held_up = lone_waiting > 0 or (lone_expected and self._lanes == 1)
        return Turn(is_bulk=True, work_s=BULK_WORK_S if held_up else math.inf)

    def started(self, turn: Turn) -> None:
        """Note that a thread took it."""
        self._bulk_busy += turn.is_bulk
        self._lone_had_turn = not turn.is_bulk

    def ended(self, turn: Turn) -> None:
        """Note that it was computed."""
        self._bulk_busy -= turn.is_bulk

    def free_for(self, turn: Turn, busy: int, now_s: float) -> int:
        """Threads that could share such a turn at once, the one that asks among them.

        Args:
            turn: What is to be taken.
            busy: Threads that compute at present, at least 0.
            now_s: The present, in seconds on the clock of `lone_came`.
        """
        free = self._lanes - busy
        if turn.is_bulk:
            lone_expected = now_s - self._lone_came_s <= REMEMBERED_S
            free = min(free, self._bulk_lanes(lone_expected) - self._bulk_busy)
        return max(1, free)

    def _bulk_lanes(self, lone_expected: bool) -> int:
        return max(1, self._lanes - lone_expected)
