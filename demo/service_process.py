"""The prediction service as a process of its own, as an operator would run it."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 120.0
"""For the service to be ready, in seconds."""

STOP_TIMEOUT_S = 30.0
"""For the service to end when told to, in seconds."""


class DemoError(Exception):
    """The demo cannot go on."""


@contextmanager
def running_service(index: Path, folder: Path) -> Generator[str]:
    """Serve an index on a free port while the context lasts.

    Args:
        index: The store or artifact to serve.
        folder: For the port file and the log.

    Yields:
        The address, "127.0.0.1:PORT".

    Raises:
        DemoError: The service does not start, or does not stop cleanly.
    """
    port_file, log_file = folder / "port", folder / "service.log"
    command = [sys.executable, "-m", "predictor_service", "--index", str(index)]
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", "--port-file", str(port_file)], stdout=log, stderr=log
        )
        try:
            yield f"127.0.0.1:{_await_port(process, port_file, log_file)}"
        finally:
            process.terminate()
            try:
                code = process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
    if code != 0:
        raise DemoError(f"the service ended with exit code {code}:\n{log_file.read_text()}")


def _await_port(process: "subprocess.Popen[bytes]", port_file: Path, log_file: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if port_file.exists() and (text := port_file.read_text().strip()):
            return int(text)
        if process.poll() is not None:
            raise DemoError(f"the service did not start:\n{log_file.read_text()}")
        time.sleep(0.1)
    raise DemoError(f"the service did not start in {START_TIMEOUT_S:.0f} s")
