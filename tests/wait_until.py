"""Waiting for what another process does, which keeps no virtual time."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Ask again and again; what never comes true fails the test by name."""
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, f"{what} did not come true in {timeout_s:g} s"
        time.sleep(0.1)
