"""Ends a group of processes if whoever started it dies: `python -m testbed.guard GROUP`.

Nothing else ends a vLLM whose starter was killed: it serves on, and keeps its memory and its port.
The starter holds the guard's standard input: a line says that all is well, an end without one that
the starter is no more.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_S = 10.0
POLL_S = 0.1


def start_guard(group: int) -> "subprocess.Popen[bytes]":
    """Guard a group while this process lives."""
    command = [sys.executable, str(Path(__file__)), str(group)]
    # A session of its own: what kills the starter's group must not kill the guard.
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def dismiss(guard: "subprocess.Popen[bytes]") -> None:
    """The group has ended: no guard is needed."""
    guard.communicate(b"\n")


def end_group(group: int) -> None:
    """Ask a group to end, then kill it."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        deadline_s = time.monotonic() + GRACE_S
        while time.monotonic() < deadline_s:
            time.sleep(POLL_S)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    if not sys.stdin.readline():
        end_group(int(sys.argv[1]))
