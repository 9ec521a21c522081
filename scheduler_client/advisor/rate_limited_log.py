"""One line in the log per cause and minute, however often it happens."""

import logging
import math
from collections.abc import Callable

LOGGER = logging.getLogger("lengthwise.advisor")
"""Of whatever asks: the program decides where these lines go."""

INTERVAL_S = 60.0
"""A fault that lasts an hour fills sixty lines, not a million."""


class RateLimitedLog:
    """Logs a cause at most once a minute, with how often it came since. Not thread-safe.

    Each cause is remembered for good: no text of an error, of which there may be any number, is
    to be one.

    Args:
        clock: Monotonic time in seconds, by which a minute has passed.
        logger: Takes the lines, which its own handlers and level hold for.
    """

    def __init__(self, clock: Callable[[], float], logger: logging.Logger = LOGGER) -> None:
        self._clock = clock
        self._logger = logger
        self._said: dict[str, tuple[float, int]] = {}
        """When each cause was logged, and how often it came since."""
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
        now_s = self._clock()
        said_at_s, unsaid = self._said.get(cause, (-math.inf, 0))
        if now_s - said_at_s < INTERVAL_S:
            self._said[cause] = said_at_s, unsaid + 1
            return
        self._said[cause] = now_s, 0
        since = f" ({unsaid} more since it was last logged)" if unsaid else ""
        self._logger.warning("%s%s", message, since, exc_info=error)
