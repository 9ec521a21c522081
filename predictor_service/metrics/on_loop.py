"""From another thread: what the event loop alone may read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 2.0


def on_loop(loop: asyncio.AbstractEventLoop, read: Callable[[], T], otherwise: T) -> T:
    """Have the event loop read something.

    Args:
        loop: Whose it is.
        read: Called on it.
        otherwise: Given if the loop does not come to it in time, or is closed.
    """
    future: Future[T] = Future()

    def answer() -> None:
        try:
            future.set_result(read())
        except Exception as error:  # noqa: BLE001  raised where it is waited for
            future.set_exception(error)

    try:
        loop.call_soon_threadsafe(answer)
        return future.result(PATIENCE_S)
    except (RuntimeError, TimeoutError):
        return otherwise
