"""Looks at the place of the index every few seconds."""

import asyncio
import contextlib

from predictor_service.failures import unexpected
from predictor_service.serving_index.switcher import Switcher


class Watcher:
    """Has the switcher follow the place. Belongs to one event loop.

    Args:
        switcher: That follows.
        poll_s: Seconds between two looks; 0 never looks.
    """

    def __init__(self, switcher: Switcher, *, poll_s: float) -> None:
        self._switcher = switcher
        self._poll_s = poll_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called once the first index is served."""
        if self._poll_s and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more; a version that is being loaded is dropped."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self._switcher.follow()
            except Exception as error:  # noqa: BLE001  the watch must outlive whatever happens
                unexpected(error, where="watching the place of the index")
