"""One line in the log per cause and minute, however often it happens."""

import logging
import math
from collections.abc import Callable

LOGGER = logging.getLogger("lengthwise.advisor")
"""Of whatever engine asks: its plugin decides where these lines go."""

INTERVAL_S = 60.0
"""A fault that lasts an hour fills sixty lines, not a million."""

MAX_CAUSES = 64
"""Remembered at a time: causes hold texts of errors, of which there may be any number."""


class RateLimitedLog:
    """Logs a cause at most once a minute, with how often it came since. Not thread-safe.

    Args:
        clock: Monotonic time in seconds, by which a minute has passed.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said_at_s: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}
        self.faults = 0

    def fault(self, what: str, error: Exception) -> None:
        """Count an exception that is this side's own fault, and log it with its traceback.

        Args:
            what: What failed, as the start of a sentence.
            error: The exception that was swallowed.
        """
        self.faults += 1
        cause = f"{what}: {type(error).__name__}"
        self.warn(cause, f"{what}; requests go on without it: {error}", error)

    def warn(self, cause: str, message: str, error: BaseException | None = None) -> None:
        """Log a warning, unless the cause had one within the last minute.

        Args:
            cause: What makes two messages the same one.
            message: For people: what happened, and what follows from it.
            error: Given where the fault is on this side: its traceback is logged.
        """
        unsaid = self._due(cause)
        if unsaid is not None:
            since = f" ({unsaid} more since it was last logged)" if unsaid else ""
            LOGGER.warning("%s%s", message, since, exc_info=error)

    def _due(self, cause: str) -> int | None:
        """How often the cause came unsaid if it is to be logged now; None if it is not."""
        now_s = self._clock()
        if now_s - self._said_at_s.get(cause, -math.inf) < INTERVAL_S:
            self._unsaid[cause] = self._unsaid.get(cause, 0) + 1
            return None
        if len(self._said_at_s) >= MAX_CAUSES:
            self._said_at_s.clear()
            self._unsaid.clear()
        self._said_at_s[cause] = now_s
        return self._unsaid.pop(cause, 0)
