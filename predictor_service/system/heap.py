"""Gives memory back that the allocator keeps for later, where it is one that does (glibc)."""

import asyncio
import contextlib
import ctypes
import random
import threading
from collections.abc import Callable
from typing import Any

from predictor_service.failures import unexpected
from predictor_service.system.threads import THREAD_PREFIX, run_in_thread

PERIOD_S = 60.0
"""Seconds between two times. Between rows that stay for hours the room of those that went lies
scattered: an hour at half of the capacity grew the process by some 30 MiB, though what it used
stayed the same."""


def give_back() -> None:
    """Have the allocator return what it keeps, in this thread, for as long as that takes."""
    library: Any = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def give_back_after(delay_s: float) -> None:
    """Do so in a while, beside everything else; to be called on the event loop.

    Args:
        delay_s: Seconds from now on, in which what still computes comes to its end.
    """
    thread = threading.Thread(target=give_back, name=THREAD_PREFIX + "trim", daemon=True)
    asyncio.get_running_loop().call_later(delay_s, thread.start)


class HeapKeeper:
    """A task that gives memory back now and then.

    Args:
        period_s: Seconds between two times that memory is given back.
        work: Gives it back, in a thread of its own.
    """

    def __init__(self, *, period_s: float = PERIOD_S, work: Callable[[], None] = give_back) -> None:
        self._period_s = period_s
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called on the event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; a thread that gives back is not waited for."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        # Processes that started together do not all do it at once.
        await asyncio.sleep(self._period_s * random.random())  # noqa: S311  no secret
        while True:
            try:
                await run_in_thread(self._work, name="trim")
            except Exception as error:  # noqa: BLE001  memory is held, and nothing else is lost
                unexpected(error, where="giving memory back")
            await asyncio.sleep(self._period_s)
