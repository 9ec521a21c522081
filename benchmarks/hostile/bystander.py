"""Another caller, who asks for one prediction after another and notes how long each takes."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

from scheduler_client import Access, LengthPredictorClient, LengthPredictorError

PAUSE_S = 0.06
"""Between an answer and the next prompt: within the rate of a caller."""


class Bystander:
    """A caller with a token of its own.

    Args:
        port: Where the service listens, on this machine.
        token: File that holds the token.
    """

    def __init__(self, port: int, token: Path) -> None:
        self._client = LengthPredictorClient(f"127.0.0.1:{port}", access=Access(token=str(token)))
        self._numbers = itertools.count()
        self.failed: list[str] = []

    def ask_while(self, going_on: Callable[[], bool]) -> list[float]:
        """Ask until told to end.

        Returns:
            Milliseconds that each answer took.
        """
        took_ms: list[float] = []
        while going_on():
            prompt = f"Summarise chapter {next(self._numbers)} of the book in a few sentences."
            began_s = time.perf_counter()
            try:
                self._client.predict(prompt, timeout_s=30)
            except LengthPredictorError as error:
                self.failed.append(str(error))
            else:
                took_ms.append((time.perf_counter() - began_s) * 1_000)
            time.sleep(PAUSE_S)
        return took_ms

    def ask_for(self, seconds: float) -> list[float]:
        """Ask for some time; see `ask_while`."""
        ends_s = time.monotonic() + seconds
        return self.ask_while(lambda: time.monotonic() < ends_s)

    def close(self) -> None:
        """End the connection."""
        self._client.close()
