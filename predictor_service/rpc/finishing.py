"""Work that is done to its end, also if the caller hangs up meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


class Finishing:
    """Holds what must not be left half done. Belongs to one event loop.

    Args:
        on_done: Called whenever a piece of work has ended.
    """

    def __init__(self, on_done: Callable[[], None] = lambda: None) -> None:
        self._on_done = on_done
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How much of it is under way."""
        return len(self._running)

    async def finish(self, work: Coroutine[Any, Any, R]) -> R:
        """Do it to its end; a caller who hangs up only does not hear what came of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)  # asyncio itself keeps no reference that would save it
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, or asyncio would report it where the caller hung up
        self._on_done()
