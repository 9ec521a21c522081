"""The servers that are measured: ours, and the peer."""

import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.harness.environments import PEER
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, locate_encoder
from testbed.server_process import free_port

START_TIMEOUT_S = 180.0
"""For a server to be ready, its model loaded, in seconds."""

STOP_TIMEOUT_S = 60.0
"""For a server to end when told to, in seconds; then it is killed."""

PEER_SETTINGS = shlex.split(
    "--device cpu --host 127.0.0.1 --no-compile --no-bettertransformer "
    "--dtype bfloat16 --batch-size 32 --log-level warning"
)
"""The fastest of those tried here."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Args:
        pid: Of its process.
        port: Of TCP on this machine; 0 where it listens on a Unix domain socket.
    """

    pid: int
    port: int


@contextmanager
def predictor_service(
    index: Path,
    folder: Path,
    processes: int,
    *,
    arguments: Sequence[str] = (),
    checkout: Path | None = None,
) -> Generator[Server]:
    """The real service, without its cache: prompts come back in every pass.

    Args:
        index: Store or artifact that it serves.
        folder: For the file with its port.
        processes: How many of the service share the port.
        arguments: Further options of the service.
        checkout: Folder of the commit whose service it is; None for this one.
    """
    port_file = folder / f"port-{uuid4().hex}"
    command = [sys.executable, "-m", "predictor_service", "--index", str(index)]
    command += ["--port", "0", "--port-file", str(port_file), "--processes", str(processes)]
    command += ["--cache-capacity", "0", "--log-level", "warning"]
    command += arguments
    environment = {} if checkout is None else code_of(checkout)
    with _running(command, port_file.exists, environment) as pid:
        yield Server(pid, int(port_file.read_text()))


@contextmanager
def module_server(
    module: str, *arguments: str, port_file: Path, environment: Mapping[str, str]
) -> Generator[Server]:
    """A module of the benchmarks that serves, and writes its port to a file once it does."""
    command = [sys.executable, "-m", module, *arguments, str(port_file)]
    with _running(command, port_file.exists, environment) as pid:
        yield Server(pid, int(port_file.read_text()))


def code_of(checkout: Path, before: Path | None = None) -> dict[str, str]:
    """Variables by which a child finds the packages of another commit, not those that it runs in.

    Args:
        checkout: Folder of the commit.
        before: Folder whose packages win over the commit's.

    Raises:
        ValueError: There is no such commit.
    """
    if not (checkout / "predictor_service").is_dir():
        raise ValueError(f"{checkout} has no folder predictor_service: expected a checkout")
    folders = [folder.resolve() for folder in (before, checkout) if folder is not None]
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONSAFEPATH": "1"}


@contextmanager
def peer() -> Generator[Server]:
    """infinity-emb with the same model; it embeds and does nothing else."""
    PEER.ensure()
    port = free_port()
    command = [str(PEER.program("infinity_emb")), "v2", "--port", str(port)]
    command += ["--model-id", locate_encoder(DEFAULT_ENCODER), *PEER_SETTINGS]
    offline = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    with _running(command, lambda: _is_healthy(port), offline) as pid:
        yield Server(pid, port)


@contextmanager
def _running(
    command: Sequence[str],
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Generator[int]:
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=2)
    try:
        _wait_until(is_ready, process)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(is_ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it was ready")
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"the server was not ready within {START_TIMEOUT_S:g} s")
        time.sleep(0.1)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
