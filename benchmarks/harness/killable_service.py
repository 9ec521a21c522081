"""The service as a process that is killed and started again, on a socket that stays the same."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from scheduler_client import HealthStatus, LengthPredictorClient, LengthPredictorError

START_TIMEOUT_S = 60.0
"""For the service to listen, or to have loaded its index, in seconds."""

STOP_TIMEOUT_S = 60.0
"""For the service to end when told to, in seconds; then it is killed."""

MakeCommand = Callable[[str, str], list[str]]
"""From the host and the place of the completions to the service's command line."""


def real_service(index: Path, options: Sequence[str] = ()) -> MakeCommand:
    """The service as an operator starts it.

    Args:
        index: Artifact or store that it serves.
        options: Further options of its command line.
    """

    def make(host: str, place: str) -> list[str]:
        command = [sys.executable, "-m", "predictor_service", "--index", str(index)]
        command += ["--host", host, "--completions", place, "--log-level", "warning"]
        return [*command, *options]

    return make


class KillableService:
    """A service at a Unix socket; a context manager.

    Args:
        folder: For the socket and the log.
        place: Where it keeps completions: a database file or a URL.
        make_command: Gives its command line from host and place.
    """

    def __init__(self, folder: Path, place: str, make_command: MakeCommand) -> None:
        self._socket = folder / "socket"
        self._log = folder / "service.log"
        self._command = make_command(self.target, place)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"unix:{self._socket}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None, "a service that was started"  # noqa: S101
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        ends_s = time.monotonic() + START_TIMEOUT_S
        while not self._socket.exists():
            self.check_alive()
            if time.monotonic() > ends_s:
                raise RuntimeError(f"the service did not listen within {START_TIMEOUT_S:g} s")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def await_serving(self) -> None:
        """Wait until it has loaded its index, for which it takes the cores.

        Raises:
            RuntimeError: It ended, or does not serve in time.
        """
        ends_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < ends_s:
            self.check_alive()
            try:
                with LengthPredictorClient(self.target) as client:
                    if client.health() is HealthStatus.SERVING:
                        return
            except LengthPredictorError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the service did not serve within {START_TIMEOUT_S:g} s")

    def start(self) -> None:
        """Start it; what calls it meanwhile is told to come again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it without any chance to tidy up: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def check_alive(self) -> None:
        """Check that it has not ended by itself.

        Raises:
            RuntimeError: It has.
        """
        code = None if self._process is None else self._process.poll()
        if code is not None:
            log = self._log.read_text("utf-8", "replace")[-2_000:]
            raise RuntimeError(f"the service ended with exit code {code}:\n{log}")
