"""What is ours within the engine's steps: it must not end the engine, and its time is counted."""

from collections.abc import Callable
from time import perf_counter
from types import TracebackType


class Guard:
    """Within `with guard("doing so"):` an exception is swallowed, and has its part turned off.

    One block at a time: blocks are not nested.

    Args:
        off: Called with what failed, while the exception is being handled: logs it, and sees to it
            that the part does nothing any more.
    """

    __slots__ = ("_began_s", "_doing", "_off", "spent_s")

    def __init__(self, off: Callable[[str], None]) -> None:
        self._off = off
        self._doing = ""
        self._began_s = 0.0
        self.spent_s = 0.0
        """Seconds within such blocks, so far."""

    def __call__(self, doing: str) -> "Guard":
        """Say what the block does, for the log."""
        self._doing = doing
        return self

    def __enter__(self) -> None:
        self._began_s = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.spent_s += perf_counter() - self._began_s
        if error is None or not isinstance(error, Exception):
            return False
        self._off(self._doing)
        return True
