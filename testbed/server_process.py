"""A server as a process group of its own, ended surely with all its children."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.guard import dismiss, start_guard

STOP_TIMEOUT_S = 20.0
POLL_S = 0.1
TAIL_CHARACTERS = 4_000


@contextmanager
def running_server(
    command: Sequence[str],
    is_ready: Callable[[], bool],
    log_file: Path,
    *,
    environment: Mapping[str, str],
    timeout_s: float,
) -> "Generator[subprocess.Popen[bytes]]":
    """Run a server while the context lasts, and no longer than this process.

    Args:
        command: What to run.
        is_ready: Asked until it says so.
        log_file: Takes what the server prints; overwritten.
        environment: Added to this process's.
        timeout_s: For the start.

    Yields:
        The process; it leads a group of its own.

    Raises:
        TestbedError: The server is not ready in time; with the end of its log.
    """
    with log_file.open("w") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    guard = start_guard(process.pid)
    try:
        _await_ready(process, is_ready, log_file, timeout_s)
        yield process
    finally:
        end_group(process)
        dismiss(guard)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask a group's leader to end, then kill what is left of the group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(log_file: Path) -> str:
    """The end of a log, for an error's message."""
    return log_file.read_text("utf-8", "replace")[-TAIL_CHARACTERS:]


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(
    process: "subprocess.Popen[bytes]",
    is_ready: Callable[[], bool],
    log_file: Path,
    timeout_s: float,
) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_ready():
        if process.poll() is not None:
            raise TestbedError(
                f"the server ended with {process.returncode} before it was ready; its log "
                f"({log_file}) ends with:\n{tail(log_file)}"
            )
        if time.monotonic() > deadline_s:
            raise TestbedError(
                f"the server was not ready within {timeout_s:g} s; its log ({log_file}) ends "
                f"with:\n{tail(log_file)}"
            )
        time.sleep(POLL_S)
